package cli

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// jsonBuf builds one JSON value by appending. It is what makes a list of a
// thousand bottles cheap; the shapes themselves are in json.go. Every string
// goes through it, so nothing that could drive a terminal gets out: controls
// and characters that hide or reorder text are escaped, as JSON may.
type jsonBuf struct {
	b []byte
}

// open begins an object or a list; key is "" within a list or at the top.
func (j *jsonBuf) open(key string, bracket byte) *jsonBuf {
	j.key(key)
	j.b = append(j.b, bracket)
	return j
}

func (j *jsonBuf) close(bracket byte) *jsonBuf {
	j.b = append(j.b, bracket)
	return j
}

// key writes the comma that is due, and the key. Keys are ours: plain ASCII.
func (j *jsonBuf) key(key string) {
	if n := len(j.b); n > 0 {
		switch j.b[n-1] {
		case '{', '[', ':', '\n':
		default:
			j.b = append(j.b, ',')
		}
	}
	if key != "" {
		j.b = append(j.b, '"')
		j.b = append(j.b, key...)
		j.b = append(j.b, '"', ':')
	}
}

func (j *jsonBuf) str(key, s string) *jsonBuf {
	j.key(key)
	j.b = appendString(j.b, s)
	return j
}

// opt is str with null for "": not known, or none.
func (j *jsonBuf) opt(key, s string) *jsonBuf {
	if s == "" {
		return j.null(key)
	}
	return j.str(key, s)
}

func (j *jsonBuf) null(key string) *jsonBuf { return j.raw(key, "null") }

func (j *jsonBuf) raw(key, value string) *jsonBuf {
	j.key(key)
	j.b = append(j.b, value...)
	return j
}

func (j *jsonBuf) num(key string, n int64) *jsonBuf {
	j.key(key)
	j.b = strconv.AppendInt(j.b, n, 10)
	return j
}

// optNum is num with null for a number that is not known.
func (j *jsonBuf) optNum(key string, n int64, known bool) *jsonBuf {
	if !known {
		return j.null(key)
	}
	return j.num(key, n)
}

func (j *jsonBuf) optInt(key string, n *int) *jsonBuf {
	if n == nil {
		return j.null(key)
	}
	return j.num(key, int64(*n))
}

func (j *jsonBuf) bool(key string, v bool) *jsonBuf {
	j.key(key)
	j.b = strconv.AppendBool(j.b, v)
	return j
}

// time is null for the zero time.
func (j *jsonBuf) time(key string, t time.Time) *jsonBuf {
	if t.IsZero() {
		return j.null(key)
	}
	j.key(key)
	j.b = append(j.b, '"')
	j.b = t.UTC().AppendFormat(j.b, "2006-01-02T15:04:05.000Z")
	j.b = append(j.b, '"')
	return j
}

// strs is a list, never null.
func (j *jsonBuf) strs(key string, list []string) *jsonBuf {
	j.open(key, '[')
	for _, s := range list {
		j.str("", s)
	}
	return j.close(']')
}

func (j *jsonBuf) labels(key string, m map[string]string) *jsonBuf {
	j.open(key, '{')
	for _, k := range slices.Sorted(maps.Keys(m)) {
		j.key("")
		j.b = appendString(j.b, k)
		j.b = append(j.b, ':')
		j.b = appendString(j.b, m[k])
	}
	return j.close('}')
}

// stored writes JSON that the log holds, as it stands but for characters that
// could drive a terminal: escaped, they mean the same.
func (j *jsonBuf) stored(key string, value []byte) *jsonBuf {
	j.key(key)
	if len(value) == 0 || !json.Valid(value) {
		j.b = append(j.b, "null"...)
		return j
	}
	if bytes.ContainsAny(value, "\n\r") { // jsonl has one event a line
		var one bytes.Buffer
		if json.Compact(&one, value) == nil {
			value = one.Bytes()
		}
	}
	j.b = appendTamed(j.b, value)
	return j
}

const hexDigits = "0123456789abcdef"

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < 0x7f && c != '"' && c != '\\' {
			i++
			continue
		}
		r, n := rune(c), 1
		if c >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
			if !dangerous(r) && !(r == utf8.RuneError && n == 1) {
				i += n
				continue
			}
		}
		b = append(b, s[from:i]...)
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\t':
			b = append(b, '\\', 't')
		default:
			b = appendEscape(b, r)
		}
		i += n
		from = i
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

// appendEscape writes \uXXXX, as a pair of surrogates where it takes two.
func appendEscape(b []byte, r rune) []byte {
	if r >= 0x10000 {
		r -= 0x10000
		return appendEscape(appendEscape(b, 0xd800+r>>10), 0xdc00+r&0x3ff)
	}
	return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// appendTamed copies JSON and escapes what is dangerous on a terminal. Such
// characters only ever stand within strings.
func appendTamed(b, value []byte) []byte {
	for i := 0; i < len(value); {
		c := value[i]
		if c < utf8.RuneSelf && c != 0x7f {
			b = append(b, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(value[i:])
		if dangerous(r) || r == utf8.RuneError && n == 1 {
			b = appendEscape(b, r)
		} else {
			b = append(b, value[i:i+n]...)
		}
		i += n
	}
	return b
}
