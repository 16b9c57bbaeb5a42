package docker

import (
	"io"
	"runtime"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

// SetIdle changes how long a pull or a load may be without progress.
func SetIdle(b *Backend, d time.Duration) { b.idle = d }

// BridgeName is the name of a home's network.
func BridgeName(home string) string { return bridgeOf(home).name }

// ArchiveID is the id of the image in an archive.
func ArchiveID(f io.ReadSeeker) (string, error) {
	a, err := readArchive(f)
	return a.ID, err
}

// CheckCode is what the program of a check ends with.
const CheckCode = checkCode

// CheckArchive is the image of a check.
var CheckArchive = checkArchive

// TinyProgram is the program of a check for an architecture.
func TinyProgram(arch string) []byte {
	for _, m := range machines {
		if m.arch == arch {
			return tinyProgram(m)
		}
	}
	return nil
}

// ProgramVolume is the name of a home's volume for the program of this machine.
func ProgramVolume(home string) string {
	sum, _, err := guest.Digest(runtime.GOARCH)
	if err != nil {
		return ""
	}
	return volumeOf(home, sum).name
}

// OtherProgramVolume is one for a program that is not that of now.
func OtherProgramVolume(home string) string { return volumeOf(home, "0123456789abcdef").name }

// Where a container has the program that holds its agent.
const (
	ProgramDir  = programDir
	ProgramPath = programPath
)
