package events

import "golang.org/x/sys/unix"

// magics are the numbers that statfs(2) gives for file systems where shared
// memory or locks do not reach every process that can open the file: network
// and cluster file systems, and FUSE, behind which there may be any of them
// (virtiofs reports FUSE's number too).
var magics = map[uint32]string{
	0x6969:     "NFS",
	0x517b:     "SMB",
	0xff534d42: "CIFS",
	0xfe534d42: "SMB",
	0x65735546: "FUSE",
	0x01021997: "9p",
	0x5346414f: "AFS",
	0x6b414653: "AFS",
	0x73757245: "Coda",
	0x564c:     "NCP",
	0x00c36400: "Ceph",
	0x0bd00bd0: "Lustre",
	0x47504653: "GPFS",
	0x01161970: "GFS2",
	0x7461636f: "OCFS2",
	0x19830326: "BeeGFS",
	0xaad7aaea: "PanFS",
	0x786f4256: "VirtualBox shared",
}

// unsafeKind names the file system of a folder when the log is not safe on
// it, and is "" otherwise.
func unsafeKind(path string) (string, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return "", err
	}
	return magics[uint32(st.Type)], nil
}
