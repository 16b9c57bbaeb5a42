package outer_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/outer"
)

// through feeds chunks to a terminal and returns what passes.
func through(o outer.Options, chunks ...string) string {
	var b bytes.Buffer
	t := outer.New(&b, o)
	for _, c := range chunks {
		if n, err := t.Write([]byte(c)); n != len(c) || err != nil {
			panic(fmt.Sprint(n, err))
		}
	}
	return b.String()
}

// anyhow feeds a stream whole, byte by byte and in two pieces: how it comes
// must not matter.
func anyhow(t *testing.T, o outer.Options, in string) string {
	t.Helper()
	whole := through(o, in)
	bytewise := make([]string, len(in))
	for i := range len(in) {
		bytewise[i] = in[i : i+1]
		if i > 50 && i%997 > 0 {
			continue // of a long one some
		}
		if got := through(o, in[:i], in[i:]); got != whole {
			t.Errorf("%q gives %q whole and %q when cut at %d", in, whole, got, i)
		}
	}
	if got := through(o, bytewise...); got != whole {
		t.Errorf("%q gives %q whole and %q byte by byte", in, whole, got)
	}
	return whole
}

// forms are the ways to write a sequence: with 7 bits, with C1 controls in
// UTF-8, with raw ones.
func forms(in string) []string {
	all := []string{in}
	for _, raw := range []bool{false, true} {
		s := in
		for _, c := range "[]PX^_\\" {
			c1 := string(c + 0x40)
			if raw {
				c1 = string([]byte{byte(c + 0x40)})
			}
			s = strings.ReplaceAll(s, "\x1b"+string(c), c1)
		}
		all = append(all, s)
	}
	return all
}

func TestPass(t *testing.T) {
	for _, in := range passing {
		for _, form := range forms(in) {
			in := "a" + form + "z"
			if got := anyhow(t, outer.Options{}, in); got != in {
				t.Errorf("%q comes out as %q", in, got)
			}
		}
	}
}

var passing = []string{
	"", "plain\r\n\ttext\a\b", "Grüße, 世界, ‘quotes’, 👩‍🚀, ½", "\x00\x7f",
	"\x1b[0;1;38;5;12m", "\x1b[38:2::1:2:3m", "\x1b[2J", "\x1b[H", "\x1b[10;20H", "\x1b[?1049h", "\x1b[?25l", "\x1b[4h", "\x1b[[A",
	"\x1b[2\n;3H", "\x1b\n[A", // controls within
	"\x1b7", "\x1b8", "\x1bM", "\x1b=", "\x1b>", "\x1b(0", "\x1b)B", "\x1b#8", "\x1b%G", "\x1bc", "\x1b[!p", "\x1b\\", "\x1bOA",
	// questions with harmless answers
	"\x1b[c", "\x1b[>c", "\x1b[=c", "\x1bZ", "\x1b[5n", "\x1b[6n", "\x1b[?6n", "\x1b[?996n", "\x1b[?5n", "\x1b[?2026$p", "\x1b[4$p", "\x1b[>q", "\x1b[>0q", "\x1b[?u", "\x1b[1x",
	"\x1b[14t", "\x1b[14;2t", "\x1b[16t", "\x1b[18t", "\x1b[19t", "\x1b[22;0t", "\x1b[22t", "\x1b[23;2t", "\x1b[?1;1;0S", "\x1b['|",
	"\x1b]4;1;?\a", "\x1b]10;?\x1b\\", "\x1b]11;?\a", "\x1b]12;?\a",
	"\x1bP$qm\x1b\\", "\x1bP$q q\x1b\\", "\x1bP$q\"p\x1b\\", "\x1bP+q544e;524742\x1b\\",
	// finals that others have too
	"\x1b[1 t", "\x1b[1;2;3;4;7$t", "\x1b[1;1;2;2*x", "\x1b[2*|", "\x1b[>4;2m", "\x1b[>1u", "\x1b[<u", "\x1b[=1;1u", "\x1b[2 q",
	// strings
	"\x1b]8;;https://example.org/\x1b\\link\x1b]8;;\x1b\\", "\x1b]8;id=x;http://“x”/\a", "\x1b]7;file://host/dir\a", "\x1b]133;A\a", "\x1b]104\a", "\x1b]110\x1b\\", "\x1b]4;1;rgb:00/11/22;2;?\a",
	"\x1b]1;icon\a", "\x1b]\a", "\x1b]P0a0b0c0", "\x1b]R", "\x1b]22;pointer\a", "\x1b]22;?pointer,text\a", "\x1b]66;s=2;big\a", "\x1b]30001\a",
	"\x1b]9;done\a", "\x1b]9;\a", "\x1b]9;3 files\a", "\x1b]9;4;1;50\a", "\x1b]9;4\a", "\x1b]777;notify;a;b\a", "\x1b]99;i=1:d=0;Hello\x1b\\", "\x1b]99;;Hi?\a", "\x1b]99;a=-report,focus;Hi\a",
	"\x1b]50;CursorShape=1\a", "\x1b]21;foreground=?;background=red;7=?\a", "\x1b]60\a",
	"\x1b]1337;File=name=eA==;size=3;inline=1:AAAA\a", "\x1b]1337;MultipartFile=inline=1\a", "\x1b]1337;FilePart=AAAA\a", "\x1b]1337;FileEnd\a",
	"\x1bPq#0;2;0;0;0#0~~@@vv\n$-\x1b\\", "\x1bP0;1;8q\"1;1;9;9~\x1b\\", "\x1bP=1s\x1b\\", "\x1bP1$r0m\x1b\\", "\x1bP>|xterm\x1b\\", "\x1bP1;1{ @x\x1b\\",
	"\x1b_Ga=T,f=100,m=1;AAAA\x1b\\", "\x1b_Gm=0;\x1b\\", "\x1b_Ga=d\x1b\\", "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\", "\x1b_Gz=-1,a=p\x1b\\",
	"\x1b_other\x1b\\", "\x1bXsos\x1b\\", "\x1b^pm\x1b\\", "\x1bktitle\x1b\\",
	"\x1b]8;;" + strings.Repeat("long", 4000) + "\a", "\x1bPq" + strings.Repeat("~", 20000) + "\x1b\\",
	"\x1b]8;;x\x1b[mtext", "\x1b]8;;x\x18text", "\x1bPq~~\x1atext", // aborted
}

func TestDrop(t *testing.T) {
	for _, in := range dropped {
		for _, form := range forms(in) {
			if got := anyhow(t, outer.Options{}, "a"+form+"z"); got != "az" {
				t.Errorf("%q comes out as %q", form, got)
			}
		}
	}
}

var dropped = []string{
	"\x05", "\x1b[20t", "\x1b[21t", "\x1b[021t", "\x1b[21;0t", "\x1b[2\x051t", "\x1b[2\r1t", "\x1b[21\x00t", "\x1b\x00[21t", "\x1b[4294967317t", "\x1b[65557t", "\x1b[21:1t",
	"\x1b[t", "\x1b[;21t", "\x1b[1t", "\x1b[2t", "\x1b[3;0;0t", "\x1b[4;1;1t", "\x1b[5t", "\x1b[7t", "\x1b[8;99;99t", "\x1b[9;1t", "\x1b[10;1t", "\x1b[11t", "\x1b[13t", "\x1b[15t", "\x1b[24t", "\x1b[>2t",
	"\x1b[i", "\x1b[5i", "\x1b[?5i", "\x1b[1;1;1;1;9;9*y", "\x1b[1*z", "\x1bP1;0;0!zAAAA\x1b\\", "\x1bP0;1|17/41\x1b\\", "\x1bP1;1\"x1;ls\x1b\\", "\x1b[1;1+x",
	"\x1bP1vanswer\x1b\\", "\x1bP!{41414141\x1b\\", "\x1bP$qls;\x1b\\", "\x1bP$q\x1b\\", "\x1bP$qm\n\x1b\\", "\x1bP+qzz\x1b\\", "\x1bP+q544\x1b\\", "\x1bP+pTN=x\x1b\\", "\x1bP+Q41\x1b\\",
	"\x1bP1000p%begin\x1b\\", "\x1bP2000p\x1b\\", "\x1bP0pS(E)\x1b\\", "\x1bP\n1000p\x1b\\", "\x1bP@kitty-cmd{\"cmd\":\"ls\"}\x1b\\", "\x1bP@kitty-echo|AAAA\x1b\\",
	"\x1bPtmux;text\x1b\\", "\x1b_Ga=T,t=f;L2V0Yw==\x1b\\", "\x1b_Gt=t;AA\x1b\\", "\x1b_Gt=s\x1b\\", "\x1b_Gt=d,t=f;AA\x1b\\", "\x1b_Ga=T, t=f;AA\x1b\\", "\x1b_Gt= f;AA\x1b\\", "\x1b_Ga=T\n,t=f;AA\x1b\\",
	"\x1b%@", "\x1b}", "\x1b[?38h", "\x1b[?2l", "\x1b[?1;2l", "\x1b[?46h", "\x1b[?5522h",
	"\x1b]3;WM=x\a", "\x1b]46;/tmp/x\a", "\x1b]50;?\a", "\x1b]50;#-1\a", "\x1b]50;font\a", "\x1b]50;CursorShape=1;File=x:\a", "\x1b]50\a", "\x1b]51;Ecall\a", "\x1b]710;?\a", "\x1b]701;?\a", "\x1b]20;?\a",
	"\x1b]52;c;?\a", "\x1b]52;c;AAAA\x1b\\", "\x1b]052;c;?\a", "\x1b]52;;\a", "\x1b]52\a", "\x1b]52:c;?\a", "\x1b] 52;c;?\a", "\x1b]+52;c;?\a", "\x1b]4294967348;c;?\a", "\x1b]65588;c;?\a", "\x1b]5\x002;c;?\a", "\x1b]\t52;c;?\a",
	"\x1b]5522;type=read;Lg==\a", "\x1b]5522;type=write\a", "\x1b]5113;ac=send\a", "\x1b]21;ls /=?\a", "\x1b]21;ls=?\a",
	"\x1b]9;1;1000\a", "\x1b]9;2;box\a", "\x1b]9;3;tab\a", "\x1b]9;5\a", "\x1b]9;6;macro\a", "\x1b]9;7;cmd\a", "\x1b]9;8;PATH\a", "\x1b]9;9;cwd\a", "\x1b]9;10;1\a", "\x1b]9;11;x\a", "\x1b]9;12\a", "\x1b]9;06;macro\a", "\x1b]09;6;macro\a",
	"\x1b]99;i=1:p=?;\x1b\\", "\x1b]99;i=1:p=alive;\a", "\x1b]99;a=report;Hi\a", "\x1b]99;a=focus,report;Hi\a", "\x1b]99;c=1;Hi\a", "\x1b]777;ext;x\a", "\x1b]777\a", "\x1b]633;E;ls\a", "\x1b]134;x\a", "\x1b]5379;scp\a",
	"\x1b]1337;File=name=eA==:AAAA\a", "\x1b]1337;File=inline=0:AAAA\a", "\x1b]1337;File=inline=1;inline=0:AAAA\a", "\x1b]1337;File=inline=1\n;inline=0:A\a", "\x1b]1337;File:AAAA\a", "\x1b]1337;MultipartFile=name=eA==\a",
	"\x1b]1337;RequestUpload=format=tgz\a", "\x1b]1337;ReportVariable=cGF0aA==\a", "\x1b]1337;ReportCellSize\a", "\x1b]1337;StealFocus\a", "\x1b]1337;SetKeyLabel=F1=x\a", "\x1b]1337;CopyToClipboard=\a", "\x1b]1337;EndCopy\a", "\x1b]1337;Copy=:AAAA\a", "\x1b]1337;SetUserVar=a=b\a", "\x1b]1337\a",
	"\x1b[2>1t", "\x1b[ 21t", "\x1b[?>1t", // no grammar that ECMA-48 has
	"\x1b]52;c;" + strings.Repeat("A", 9000) + "\a", "\x1b]1337;File=" + strings.Repeat("A", 9000) + ";inline=1:AAAA\a", "\x1b[" + strings.Repeat("1", 9000) + "m", "\x1b[" + strings.Repeat("\n", 9000) + "m", "\x1b" + strings.Repeat("\n", 9000) + "Xabc\x1b\\",
}

// What a sequence cut short or broken leaves of itself and of its followers.
func TestBroken(t *testing.T) {
	for in, want := range map[string]string{
		"a\x1b[21\x18z":                      "a\x18z",
		"a\x1b[2\x1b[21tz":                   "az",
		"a\x1b[2é1tz":                        "aé1tz",
		"a\x1bé[21t":                         "aé[21t",
		"a\x1b]52;c;?\x18z":                  "az",
		"a\x1b]52;c;AA\x1b[1mz":              "a\x1b[1mz",
		"a\x1b]8;;x\x1b[21tz":                "a\x1b]8;;x\x1b\\z", // the terminal gets an end of the string
		"a\x1b]8;;x\x1b]52;c;?\az":           "a\x1b]8;;x\x1b\\z",
		"a\x1b]8;;x\x1b\x1b\\z":              "a\x1b]8;;x\x1b\\\x1b\\z",
		"a\x1b]8;;x\x1b\x1b[21tz":            "a\x1b]8;;x\x1b\\z",
		"a\x1b]8;;x\xc2\x9b21tz":             "a\x1b]8;;x\x1b\\z",
		"a\x1bPq~\x1b]52;c;?\a\x1b\\z":       "a\x1bPq~\x1b\\\x1b\\z",
		"a\x1bPtmux;\x1b\x1b]52;c;?\a\x1b\\": "a\x1b\\",
		"a\x1bPq\x05~\x1b\\z":                "a\x1bPq~\x1b\\z",
		"a\x1b]0":                            "a",
		"a\xe2\x82":                          "a",
		"a\xe2\x9b21tz":                      "a\xe2z", // no character, so the rest is CSI
		"a\xc1\x9b21tz":                      "a\xc1z",
		"a\xe0\x82\x9b21tz":                  "a\xe0\x82z", // U+009B in more bytes than it needs
		"a\xc3\x9b21tz":                      "a\u00db21tz",
		"a\xff\xfe\xc2z":                     "a\xff\xfe\xc2z",
	} {
		if got := anyhow(t, outer.Options{}, in); got != want {
			t.Errorf("%q comes out as %q, want %q", in, got, want)
		}
	}
}

func TestClipboard(t *testing.T) {
	o := outer.Options{Clipboard: true}
	for _, in := range []string{"\x1b]52;c;aGk=\a", "\x1b]52;;aGk=\x1b\\", "\x1b]52;c;\a", "\x1b]52;c;" + strings.Repeat("aGk=", 4000) + "\a",
		"\x1b]5522;type=write:id=1\a", "\x1b]5522;type=wdata:mime=dGV4dA==;AAAA\a"} {
		if got := anyhow(t, o, in); got != in {
			t.Errorf("%q comes out as %q", in, got)
		}
	}
	for _, in := range []string{"\x1b]52;c;?\a", "\x1b]52;;?\a", "\x1b]52;c; ?\a", "\x1b]52;c\a", "\x1b]52;?;?\a", "\x1b]5522;type=read;Lg==\a", "\x1b]5522;\a", "\x1b]5522;type=write:type=read\a"} {
		if got := anyhow(t, o, in); got != "" {
			t.Errorf("%q comes out as %q", in, got)
		}
	}
}

// Where nobody takes the answers no question passes.
func TestDeaf(t *testing.T) {
	o := outer.Options{Deaf: true}
	for _, in := range []string{"\x1b[c", "\x1b[6n", "\x1b[?u", "\x1b[>q", "\x1b[18t", "\x1bZ", "\x1b]11;?\a", "\x1b]4;1;?\a", "\x1bP$qm\x1b\\", "\x1bP+q544e\x1b\\", "\x1b]21;cursor=?\a", "\x1b]22;?text\a", "\x1b_Gi=1,a=q;AA\x1b\\", "\x1b]60\a"} {
		if got := anyhow(t, o, in); got != "" {
			t.Errorf("%q comes out as %q", in, got)
		}
	}
	for _, in := range []string{"\x1b[22t", "\x1b]11;red\a", "\x1b[m", "\x1b_Ga=T;AA\x1b\\"} {
		if got := anyhow(t, o, in); got != in {
			t.Errorf("%q comes out as %q", in, got)
		}
	}
}

// What may pass is not kept back until it is whole.
func TestStreams(t *testing.T) {
	for _, begin := range []string{"\x1bPq~~", "\x1b_Ga=T;AAAA", "\x1b]1337;File=inline=1:AAAA", "\x1b]8;;http://x", "text", "text\n"} {
		if got := through(outer.Options{}, begin); got != begin {
			t.Errorf("of %q comes %q", begin, got)
		}
	}
}

func TestFlush(t *testing.T) {
	for in, want := range map[string]string{"a\x1b[2": "az", "a\x1b]8;;x": "a\x1b]8;;x\x1b\\z", "a\xe2\x82": "az", "a\x1b]52;": "az", "a\x1b]8;;x\x1b[1": "a\x1b]8;;x\x1b\\z"} {
		var b bytes.Buffer
		term := outer.New(&b, outer.Options{})
		term.Write([]byte(in))
		if err := term.Flush(); err != nil {
			t.Fatal(err)
		}
		term.Write([]byte("z"))
		if b.String() != want {
			t.Errorf("after %q: %q, want %q", in, b.String(), want)
		}
	}
}
