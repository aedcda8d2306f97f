// Program does what its arguments say, one after another, as a test's stand-in
// for what runs in a container: VERB or VERB:OPERAND.
package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	for i, argument := range os.Args[1:] {
		verb, operand, _ := strings.Cut(argument, ":")
		if err := do(verb, operand, os.Args[i+2:]); err != nil {
			fmt.Printf("%s: %v\n", argument, err)
			os.Exit(1)
		}
	}
}

func do(verb, operand string, rest []string) error {
	switch verb {
	case "say":
		fmt.Println(operand)
	case "user":
		groups, err := os.Getgroups()
		fmt.Printf("uid=%d gid=%d groups=%v\n", os.Getuid(), os.Getgid(), groups)
		return err
	case "dir":
		directory, err := os.Getwd()
		fmt.Println("dir=" + directory)
		return err
	case "env":
		fmt.Println(operand + "=" + os.Getenv(operand))
	case "environ":
		fmt.Println(strings.Join(os.Environ(), "\n"))
	case "cat":
		content, err := os.ReadFile(operand) //nolint:gosec // what the test names
		fmt.Println(operand + "=" + string(content))
		return err
	case "mode":
		info, err := os.Stat(operand) //nolint:gosec // what the test names
		if err != nil {
			return err
		}
		fmt.Printf("%s %s\n", operand, info.Mode())
	case "list":
		entries, err := os.ReadDir(operand)
		for _, entry := range entries {
			fmt.Println(entry.Name())
		}
		return err
	case "write": // PATH=CONTENT
		path, content, _ := strings.Cut(operand, "=")
		return os.WriteFile(path, []byte(content), 0o600) //nolint:gosec // what the test names
	case "refused": // PATH: nothing can be written there
		if err := os.WriteFile(operand, nil, 0o600); err == nil { //nolint:gosec // what the test names
			return errors.New("it was written")
		} else if !os.IsPermission(err) {
			return fmt.Errorf("want a refusal: %w", err)
		}
	case "get": // URL
		response, err := http.Get(operand) //nolint:gosec // the test's own server
		if err != nil {
			return err
		}
		fmt.Println(response.Status)
		return response.Body.Close()
	case "connect": // HOST:PORT
		connection, err := net.Dial("tcp", operand) //nolint:gosec // a test says where to
		if err != nil {
			return err
		}
		return connection.Close()
	case "exit":
		code, err := strconv.Atoi(operand)
		if err != nil {
			return err
		}
		os.Exit(code)
	case "deaf":
		signal.Ignore(syscall.SIGTERM)
	case "child": // with the rest of the arguments
		child := exec.Command("/program", rest...) //nolint:gosec // itself
		if err := child.Start(); err != nil {
			return err
		}
		fmt.Printf("child=%d\n", child.Process.Pid)
		os.Exit(0)
	case "wait":
		fmt.Println("waiting")
		for {
			time.Sleep(time.Hour)
		}
	default:
		return fmt.Errorf("no such verb")
	}
	return nil
}
