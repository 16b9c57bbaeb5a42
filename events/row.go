package events

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"strconv"
	"time"
)

// An event is read as one text, its columns joined by a separator: handing
// over ten columns one by one costs more than all the rest. JSON holds no
// raw control character, and neither do types; an id comes last, where it may
// hold anything.
const (
	separator = '\x1f'
	packed    = "concat_ws(char(31), e.seq, e.version, e.time, e.type, e.data, e.origin, " +
		"hex(e.digest), hex(r.salt), coalesce(r.data, ''), e.bottle_id)"
	packedParts  = 10
	selectEvents = "SELECT " + packed + " FROM events e LEFT JOIN erasable r ON r.seq = e.seq"
	selectStream = selectEvents + " WHERE e.bottle_id = ? AND e.version > ? ORDER BY e.version"
)

// unpack takes a row apart. The event keeps the bytes.
func unpack(row []byte) (e Event, err error) {
	part := bytes.SplitN(row, []byte{separator}, packedParts)
	if len(part) != packedParts {
		return e, errors.New("one of its columns is missing")
	}
	number := func(b []byte) (n int64) {
		if err == nil {
			n, err = strconv.ParseInt(string(b), 10, 64)
		}
		return n
	}
	unhex := func(b []byte) []byte {
		if len(b) == 0 {
			return nil
		}
		if err == nil {
			n := 0
			n, err = hex.Decode(b, b)
			b = b[:n:n]
		}
		return b
	}
	e = Event{
		Seq: number(part[0]), Version: number(part[1]), Time: time.UnixMilli(number(part[2])).UTC(),
		Type: string(part[3]), Data: part[4], Origin: part[5],
		Digest: unhex(part[6]), Salt: unhex(part[7]), Stream: string(part[9]),
	}
	if len(part[8]) > 0 {
		e.Erasable = part[8]
	}
	return e, err
}

// scan reads rows of selectEvents.
func scan(ctx context.Context, path string, rows *sql.Rows, f func(Event) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		var row []byte
		if err := rows.Scan(&row); err != nil {
			return err
		}
		e, err := unpack(row)
		if err != nil {
			seq, _, _ := bytes.Cut(row, []byte{separator})
			bad, _ := strconv.ParseInt(string(seq), 10, 64) // 0 is "not known"
			return &Damaged{Path: path, Seq: bad, Err: err}
		}
		if err := f(e); err != nil {
			return err
		}
	}
	return rows.Err()
}
