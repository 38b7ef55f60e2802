//go:build !unix

package untrusted

// nonblock is nothing where names in the file system lead to no pipes.
const nonblock = 0
