package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// source is the file that a flag names; - is standard input.
func (c *command) source(flag, path string) (io.ReadCloser, error) {
	switch path {
	case "-":
		return io.NopCloser(c.in), nil
	case "":
		return nil, usage(flag+" is empty", "it names no file, as a variable does that is not set", flag+" FILE, or - for standard input")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	return file, nil
}

// named is what people call the file that a flag names.
func named(path string) string {
	if path == "-" {
		return "standard input"
	}
	return path
}

// unreadable says that a file cannot be read, and names it once.
func unreadable(path string, err error) error {
	var system *fs.PathError
	if errors.As(err, &system) {
		err = system.Err
	}
	return failed("cannot read "+named(path), err, "a file that you can read")
}
