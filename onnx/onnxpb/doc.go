// Package onnxpb holds the protobuf messages of ONNX files.
//
// The schema is onnx.proto in this folder, written from the field numbers ONNX
// publishes; onnx.pb.go is generated from it. Package onnx reads and writes
// these messages without holding the weights in memory: the messages it hands
// out have empty data fields.
package onnxpb

// .ci/protoc asks for the compiler's version and takes the plugin for Go of go.mod, so that CI can generate again and
// compare.
//go:generate -command compile ../../.ci/protoc --proto_path=softmerge=../.. --go_out=../..
//go:generate compile --go_opt=module=github.com/softmerge/softmerge softmerge/onnx/onnxpb/onnx.proto
