//go:build unix

package untrusted

import "syscall"

// nonblock lets a pipe be opened though nobody writes to it. Reading regular files is not changed by it.
const nonblock = syscall.O_NONBLOCK
