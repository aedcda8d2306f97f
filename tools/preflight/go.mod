module waybill.example/waybill/tools/preflight

go 1.26
