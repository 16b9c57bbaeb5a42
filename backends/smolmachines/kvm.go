package smolmachines

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

const kvmPath = "/dev/kvm"

const (
	// hintBoots is for a device that is there while a machine did not boot.
	hintBoots = "see whether one boots: bot-bottle doctor --deep; inside another virtual machine it must have nested virtualization"
	// hintNested is for who has just seen that none does.
	hintNested = "inside another virtual machine, ask the one around it for nested virtualization: cat /sys/module/kvm_*/parameters/nested; or make bottles elsewhere: --backend docker"
)

// kvmTrouble says what is wrong with the device that micro-VMs need, and the
// command that mends it. A device that can be opened proves nothing: see the
// last case.
func kvmTrouble(device string, euid int) (why, hint string) {
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	if err == nil {
		f.Close()
		return device + " is there and may be used, but runs no micro-VM here", hintBoots
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return device + " is missing", "turn virtualization on in the firmware, then: sudo modprobe kvm_intel || sudo modprobe kvm_amd"
	case errors.Is(err, fs.ErrPermission):
		return device + " may not be used", kvmGroup(device, euid)
	case errors.Is(err, syscall.ENXIO), errors.Is(err, syscall.ENODEV):
		return device + " is there without a driver behind it", "sudo modprobe kvm_intel || sudo modprobe kvm_amd"
	}
	return fmt.Sprintf("%s cannot be opened (%v)", device, err), "look at it: ls -l " + device
}

// kvmGroup names the group that may use the device.
func kvmGroup(device string, euid int) string {
	st, err := os.Stat(device)
	owner, ok := (*syscall.Stat_t)(nil), false
	if err == nil {
		owner, ok = st.Sys().(*syscall.Stat_t)
	}
	if euid == 0 || !ok || owner.Gid == 0 || st.Mode()&0o060 != 0o060 {
		return "let it be used: sudo chmod 0666 " + device
	}
	group, err := user.LookupGroupId(strconv.FormatUint(uint64(owner.Gid), 10))
	if err != nil {
		return "let it be used: sudo chmod 0666 " + device
	}
	return fmt.Sprintf("you are not in the group %s: sudo usermod -aG %s $USER, then log in again", group.Name, group.Name)
}
