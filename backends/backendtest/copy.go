package backendtest

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// entry is one thing in a tar stream.
type entry struct {
	name, body, link string
	mode             int64
	kind             byte
	owner            int
}

func pack(r *rig, entries ...entry) *bytes.Buffer {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		if e.kind == 0 {
			e.kind = tar.TypeReg
		}
		if e.mode == 0 {
			e.mode = 0o644
		}
		r.must(w.WriteHeader(&tar.Header{Name: e.name, Typeflag: e.kind, Mode: e.mode, Size: int64(len(e.body)), Linkname: e.link, Uid: e.owner, Gid: e.owner}), "tar")
		_, err := io.WriteString(w, e.body)
		r.must(err, "tar")
	}
	r.must(w.Close(), "tar")
	return &buf
}

func unpack(r *rig, stream io.Reader) map[string]entry {
	got := map[string]entry{}
	for t := tar.NewReader(stream); ; {
		h, err := t.Next()
		if err == io.EOF {
			return got
		}
		r.must(err, "read the tar stream")
		body, err := io.ReadAll(t)
		r.must(err, "read the tar stream")
		name := path.Clean(h.Name)
		got[name] = entry{name: name, body: string(body), link: h.Linkname, mode: h.Mode & 0o777, kind: h.Typeflag}
	}
}

// place makes a folder of this test's own in the shared instance.
func (r *rig) place() string {
	r.Helper()
	dir := "/place-" + token()
	r.says(r.shared(), "mkdir "+dir, "")
	return dir
}

var copyPoints = []point{
	{"copy/in", nil, func(r *rig) {
		ref, dir := r.shared(), r.place()
		big := strings.Repeat("0123456789abcdef", 1<<14)
		r.must(r.b.CopyIn(r.ctx(), ref, dir, pack(r,
			entry{name: "a b", body: "hello\n", mode: 0o640}, entry{name: "run.sh", body: "#!/bin/sh\necho ran\n", mode: 0o755},
			entry{name: "sub", kind: tar.TypeDir, mode: 0o755}, entry{name: "sub/big", body: big},
			entry{name: "link", kind: tar.TypeSymlink, link: "a b"})), "CopyIn")
		r.says(ref, "cd "+dir+"; cat 'a b'; stat -c %a 'a b'; ./run.sh; wc -c < sub/big; readlink link", "hello\n640\nran\n262144\na b\n")
	}},
	{"copy/in_keeps_owners", need(Users), func(r *rig) {
		ref, dir := r.shared(), r.place()
		r.must(r.b.CopyIn(r.ctx(), ref, dir, pack(r, entry{name: "f", body: "x", owner: 1234},
			entry{name: "d", kind: tar.TypeDir, mode: 0o755, owner: 1234})), "CopyIn")
		r.says(ref, "cd "+dir+"; stat -c %u:%g f d", "1234:1234\n1234:1234\n")
	}},
	{"copy/in_replaces_files", nil, func(r *rig) {
		ref, dir := r.shared(), r.place()
		for _, body := range []string{"the first, which is longer\n", "second\n"} {
			r.must(r.b.CopyIn(r.ctx(), ref, dir, pack(r, entry{name: "f", body: body})), "CopyIn")
			r.says(ref, "cat "+dir+"/f", body)
		}
	}},
	{"copy/in_needs_the_folder", nil, func(r *rig) {
		err := r.b.CopyIn(r.ctx(), r.shared(), "/no/such/folder", pack(r, entry{name: "f", body: "x"}))
		r.is(err, backends.ErrNotFound, "CopyIn")
	}},
	{"copy/in_of_a_broken_stream_fails", nil, func(r *rig) {
		broken := io.MultiReader(bytes.NewReader(pack(r, entry{name: "f", body: strings.Repeat("x", 4096)}).Bytes()[:2048]), failing{})
		if err := r.b.CopyIn(r.ctx(), r.shared(), r.place(), broken); err == nil {
			r.Error("half a stream went in without an error")
		}
	}},
	{"copy/in_stays_inside", nil, func(r *rig) {
		ref, dir := r.shared(), r.place()
		// names that lead out of the folder may be refused or bent, but must
		// not lead out of the instance; the host side is for the engine to keep
		err := r.b.CopyIn(r.ctx(), ref, dir, pack(r, entry{name: "../../../../../../" + path.Base(dir) + "-escaped", body: "x"}))
		if err == nil {
			r.says(ref, "ls /"+path.Base(dir)+"-escaped "+dir+"/"+path.Base(dir)+"-escaped 2>/dev/null | wc -l", "1\n")
		}
	}},
	{"copy/out_a_file", nil, func(r *rig) {
		ref, dir := r.shared(), r.place()
		r.says(ref, "cd "+dir+"; printf 'hello\\n' > 'a b'; chmod 640 'a b'", "")
		got := r.copyOut(ref, dir+"/a b")
		if e := got["a b"]; len(got) != 1 || e.body != "hello\n" || e.mode != 0o640 {
			r.Errorf("got %+v", got)
		}
	}},
	{"copy/out_a_folder", nil, func(r *rig) {
		ref, dir := r.shared(), r.place()
		r.says(ref, "cd "+dir+"; mkdir -p d/sub; echo 1 > d/one; echo 2 > d/sub/two; ln -s /etc/passwd d/link", "")
		got := r.copyOut(ref, dir+"/d")
		if got["d/one"].body != "1\n" || got["d/sub/two"].body != "2\n" || got["d/sub"].kind != tar.TypeDir {
			r.Errorf("got %+v", got)
		}
		if e := got["d/link"]; e.kind != tar.TypeSymlink || e.link != "/etc/passwd" || e.body != "" {
			r.Errorf("the link is packed as %+v", e)
		}
	}},
	{"copy/out_packs_a_link_as_a_link", nil, func(r *rig) {
		ref, dir := r.shared(), r.place()
		r.says(ref, "ln -s /etc/passwd "+dir+"/link", "")
		got := r.copyOut(ref, dir+"/link")
		if e := got["link"]; e.kind != tar.TypeSymlink || e.link != "/etc/passwd" || e.body != "" {
			r.Errorf("the link is packed as %+v", got)
		}
	}},
	{"copy/out_missing_is_not_found", nil, func(r *rig) {
		r.is(r.b.CopyOut(r.ctx(), r.shared(), "/no/such/file", io.Discard), backends.ErrNotFound, "CopyOut")
	}},
	{"copy/out_to_a_full_disk_fails", nil, func(r *rig) {
		ref, dir := r.shared(), r.place()
		r.says(ref, "dd if=/dev/zero of="+dir+"/big bs=1024 count=256 2>/dev/null", "")
		r.prompt("a copy that nobody takes", func() {
			r.is(r.b.CopyOut(r.ctx(), ref, dir+"/big", &full{left: 10000}), errFull, "CopyOut")
		})
	}},
	{"copy/while_stopped", need(CopyStopped), func(r *rig) {
		ref := r.create(r.spec(sh("cat /put; sleep 3600")...))
		r.must(r.b.CopyIn(r.ctx(), ref, "/", pack(r, entry{name: "put", body: "before it ran\n"})), "CopyIn")
		if got := r.copyOut(ref, "/put"); got["put"].body != "before it ran\n" {
			r.Errorf("got %+v", got)
		}
		r.must(r.b.Start(r.ctx(), ref, nil), "Start")
		r.printed(ref, "before it ran\n")
	}},
	{"copy/through_a_mount", need(Mounts), func(r *rig) {
		s := r.spec(idle()...)
		s.Mounts = []backends.Mount{{Source: r.hostDir(), Target: "/mnt/x"}}
		ref := r.runningSpec(s)
		if got := r.copyOut(ref, "/mnt/x/from-host"); got["from-host"].body != "outside\n" {
			r.Errorf("got %+v", got)
		}
	}},
	{"copy/gone_is_not_found", nil, func(r *rig) {
		ref := r.create(r.spec(idle()...))
		r.h.Behind.Delete(r.T, ref.Name)
		r.is(r.b.CopyOut(r.ctx(), ref, "/etc", io.Discard), backends.ErrNotFound, "CopyOut")
		r.is(r.b.CopyIn(r.ctx(), ref, "/", pack(r, entry{name: "f"})), backends.ErrNotFound, "CopyIn")
	}},
	{"stat/file_and_folder", nil, func(r *rig) {
		ref, dir := r.shared(), r.place()
		r.says(ref, "cd "+dir+"; printf 12345 > f; chmod 600 f", "")
		st := r.stat(ref, dir+"/f")
		if st.Name != "f" || st.Size != 5 || !fs.FileMode(st.Mode).IsRegular() || fs.FileMode(st.Mode).Perm() != 0o600 {
			r.Errorf("a file is %+v (%s)", st, fs.FileMode(st.Mode))
		}
		if st := r.stat(ref, dir); !fs.FileMode(st.Mode).IsDir() {
			r.Errorf("a folder is %+v (%s)", st, fs.FileMode(st.Mode))
		}
		if st := r.stat(ref, "/"); !fs.FileMode(st.Mode).IsDir() {
			r.Errorf("the root is %+v (%s)", st, fs.FileMode(st.Mode))
		}
	}},
	{"stat/a_link_is_not_followed", nil, func(r *rig) {
		ref, dir := r.shared(), r.place()
		r.says(ref, "cd "+dir+"; ln -s /etc to-folder; ln -s nowhere to-nothing", "")
		for name, target := range map[string]string{"to-folder": "/etc", "to-nothing": "nowhere"} {
			st := r.stat(ref, dir+"/"+name)
			if fs.FileMode(st.Mode)&fs.ModeSymlink == 0 || st.Link == "" || (target == "/etc" && st.Link != target) {
				r.Errorf("the link %s to %s is %+v (%s)", name, target, st, fs.FileMode(st.Mode))
			}
		}
	}},
	{"stat/missing_is_not_found", nil, func(r *rig) {
		_, err := r.b.Stat(r.ctx(), r.shared(), "/no/such/file")
		r.is(err, backends.ErrNotFound, "Stat")
	}},
}

func (r *rig) copyOut(ref backends.Ref, path string) map[string]entry {
	r.Helper()
	var buf bytes.Buffer
	r.must(r.b.CopyOut(r.ctx(), ref, path, &buf), "CopyOut")
	return unpack(r, &buf)
}

func (r *rig) stat(ref backends.Ref, path string) backends.PathStat {
	r.Helper()
	st, err := r.b.Stat(r.ctx(), ref, path)
	r.must(err, "Stat "+path)
	return st
}

// failing is a stream that breaks.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the other side went away") }
