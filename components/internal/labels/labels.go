// Package labels says who owns a resource, in the form that each cloud allows.
//
// Kubernetes objects carry the recommended labels:
//
//	app.kubernetes.io/name       the product
//	app.kubernetes.io/instance   the customer
//	app.kubernetes.io/component  product or refresher
//	app.kubernetes.io/part-of    waybill
//
// Azure and AWS tags and GCP labels are waybill-customer and waybill-product.
package labels

import "maps"

// Owner is whom a resource serves.
type Owner struct {
	// Customer is the customer's slug.
	Customer string
	// Product is the product's name.
	Product string
	// Labels are the caller's own, on every Kubernetes object.
	Labels map[string]string
}

// Kubernetes are the labels of an object of the given component; waybill's win.
func (o Owner) Kubernetes(component string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, o.Labels)
	maps.Copy(all, o.Selector(component))
	all["app.kubernetes.io/part-of"] = "waybill"
	return all
}

// Selector picks the pods of a component: a selector cannot be changed later,
// so it is the smallest set that no other component of the namespace shares.
func (o Owner) Selector(component string) map[string]string {
	return map[string]string{
		"app.kubernetes.io/name":      o.Product,
		"app.kubernetes.io/instance":  o.Customer,
		"app.kubernetes.io/component": component,
	}
}

// Cloud are the Azure or AWS tags or the GCP labels of a resource, with the
// caller's own added; waybill's win.
func (o Owner) Cloud(own map[string]string) map[string]string {
	tags := maps.Clone(own)
	if tags == nil {
		tags = map[string]string{}
	}
	tags["waybill-customer"] = o.Customer
	tags["waybill-product"] = o.Product
	return tags
}

// Owns says whether tags or labels are those of the owner's resources.
func (o Owner) Owns(tags map[string]string) bool {
	return tags["waybill-customer"] == o.Customer && tags["waybill-product"] == o.Product
}
