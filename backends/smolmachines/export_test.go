package smolmachines

import (
	"context"
	"os"
)

// OpenWith opens a data root with an environment of the test's own, on top of
// this process's.
func OpenWith(root string, env map[string]string) (*Backend, error) {
	b, err := Open(root)
	if err == nil {
		b.getenv = func(name string) string {
			if v, ok := env[name]; ok {
				return v
			}
			return os.Getenv(name)
		}
	}
	return b, err
}

// KVMTrouble is what is said of a device.
var KVMTrouble = kvmTrouble

// GoodName says whether a machine can be called so.
var GoodName = goodName

// MachineDir is where smolvm keeps a machine.
func (b *Backend) MachineDir(name string) string { return b.machineDir(name) }

// Strays are the micro-VMs of a machine.
func (b *Backend) Strays(name string) []int { return b.strays(name) }

// Left finds the calls and the micro-VMs of a machine that nobody knows of.
func (b *Backend) Left(name string) []int { return b.left(name) }

// FailureOf reads what smolvm said on stderr: its code and its words.
func FailureOf(stderr string, exit int) (code, message string) {
	f := result{stderr: stderr, code: exit}.failure("x")
	return f.code, f.message
}

// ForgetNumber takes a process number out of a machine's record.
func (b *Backend) ForgetNumber(ctx context.Context, name string, pid int) error {
	return b.forgetNumber(ctx, name, pid)
}
