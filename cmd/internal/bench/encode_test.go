package main

import (
	"bytes"
	"encoding/json"
	"testing"
)

// Both sides of the append must store the same words.
func TestBothSidesStoreTheSame(t *testing.T) {
	for _, step := range life("id", "slug") {
		for _, p := range step {
			data, err := encode(p)
			if err != nil {
				t.Fatal(err)
			}
			if !json.Valid(data) || len(data) < 3 {
				t.Errorf("%s is stored as %s", p.EventType(), data)
			}
			if p.EventType() == "BottleCreated" && !bytes.Contains(data, []byte("ANTHROPIC_API_KEY")) {
				t.Errorf("the private part is missing: %s", data)
			}
		}
	}
}
