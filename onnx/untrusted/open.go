// Package untrusted is the one door through which files that strangers may have made are opened. What is behind a
// name must be a regular file: a pipe would block for ever, a device never end. Looking first and opening then
// would leave time to change what is there, so files are opened without blocking and looked at afterwards.
package untrusted

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrNotRegular is the kind of the error that a name leads to a folder, a pipe, a device or a socket.
var ErrNotRegular = errors.New("not a regular file")

// ErrTooLarge is the kind of the error that a file has more bytes than are allowed.
var ErrTooLarge = errors.New("the file is too large")

// Open opens a regular file for reading. Links are followed. The error is an [fs.PathError].
func Open(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|nonblock, 0)
	return regular(f, path, err)
}

// OpenIn opens a regular file below a folder, as [Open] does, and refuses names and links that lead out of it.
func OpenIn(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|nonblock, 0)
	return regular(f, name, err)
}

// regular closes what is no regular file.
func regular(f *os.File, path string, err error) (*os.File, fs.FileInfo, error) {
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: ErrNotRegular}
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// Read reads a regular file of at most so many bytes. It looks at what comes, not at what the file's size says:
// files of /proc say 0.
func Read(path string, most int64) ([]byte, error) {
	f, _, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w: more than %d bytes", ErrTooLarge, most)}
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}
