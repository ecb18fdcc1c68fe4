// Package conformance holds what the sandbox answers against botocore's
// description of AWS's services: what an operation's answer may hold, of which
// type, what it must hold, and which errors it may give.
//
// The description is in testdata, cut down to the operations that the sandbox
// has, so that the tests need no Python.
package conformance

//go:generate go run ./extract testdata/models.json.gz
//go:generate go run ../model/reduce testdata/models.json.gz ../model/model.json.gz
