package projections_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

const (
	idFix   = "01890a5d-ac96-774b-bcce-b302099a8057"
	idAPI   = "01890a5d-ac97-7000-8000-00000abcdef1"
	idOld   = "01890a5d-ac95-7000-8000-0000deadbeef" // removed, was api-old
	idOlder = "01890a5d-ac94-7000-8000-0000feedface" // removed, was api-old before
	idGone  = "01890a5d-ac93-7000-8000-00000000f00d" // removed, was fix-login
	idFace  = "01890a5e-0000-7000-8000-0000000c0ffe" // its slug looks like the end of another's id
)

func populated(t *testing.T) *home {
	h := newHome(t)
	for _, b := range []struct {
		id, slug string
		removed  bool
	}{
		{idGone, "fix-login", true}, {idOlder, "api-old", true}, {idOld, "api-old", true},
		{idFix, "fix-login", false}, {idAPI, "api", false}, {"01890a5d-ac98-7000-8000-000000000001", "api-2", false}, {idFace, "abcdef1", false},
	} {
		h.append(t, b.id, 0, &events.BottleCreated{Slug: b.slug, Backend: "docker", Endpoint: "unix:///d", InstanceName: "bot-bottle-" + b.slug, IdempotencyKey: "key-" + b.slug})
		if b.removed {
			h.append(t, b.id, 1, &events.ResourceCreated{Kind: "network", Ref: "n-" + b.slug}, &events.BottleRemoved{})
		}
	}
	return h
}

func TestLookup(t *testing.T) {
	h := populated(t)
	const (
		nobody = "nobody"
		many   = "many"
	)
	for _, c := range []struct{ word, whole, part string }{ // whole: exact words only; part: parts too
		{"fix-login", idFix, idFix}, // the live one, not the removed one of that name
		{"fix", nobody, idFix},
		{"api", idAPI, idAPI}, // a whole slug beats a prefix
		{"api-2", "01890a5d-ac98-7000-8000-000000000001", "01890a5d-ac98-7000-8000-000000000001"},
		{"api-", nobody, "01890a5d-ac98-7000-8000-000000000001"}, // removed ones come last
		{"ap", nobody, many},
		{"api-old", idOld, many}, // two removed ones: nothing is left to do to either
		{"api-ol", nobody, many},
		{idFix, idFix, idFix},
		{strings.ToUpper(idFix), idFix, idFix},
		{strings.ReplaceAll(idFix, "-", ""), idFix, idFix},
		{"01890a5d-ac96", nobody, idFix},
		{"01890a5dac96", nobody, idFix},
		{"01890a5d", nobody, many}, // three live ones
		{"01890a5d-ac95", nobody, idOld},
		{"01890a5e", nobody, idFace},
		{"9a8057", nobody, idFix},
		{"a8057", nobody, nobody}, // five digits are too few
		{"02099a8057", nobody, idFix},
		{"b302099a8057", nobody, idFix},
		{"bcce-b302099a8057", nobody, idFix},
		{"deadbeef", nobody, idOld},
		{"00f00d", nobody, idGone},
		{idGone, idGone, idGone},
		{"abcdef1", idFace, idFace}, // a whole slug beats the end of an id
		{"0abcdef1", nobody, idAPI},
		{"abcdef", nobody, idFace}, // fits a slug in front, and no id at the end
		{"", nobody, nobody},
		{"-", nobody, nobody},
		{"--", nobody, nobody},
		{"%", nobody, nobody},
		{"_pi", nobody, nobody},
		{"API", nobody, nobody},
		{"fix-login ", nobody, nobody},
		{"bot-bottle-api", nobody, nobody},
		{strings.Repeat("a", 300), nobody, nobody},
		{"\x1b[2J", nobody, nobody},
	} {
		for _, exact := range []bool{true, false} {
			want := map[bool]string{true: c.whole, false: c.part}[exact]
			h.view(t, func(ctx context.Context, v *events.View) error {
				got, err := projections.Lookup(ctx, v, c.word, exact)
				var none *projections.NoSuchBottle
				var several *projections.Ambiguous
				switch {
				case errors.As(err, &none) && got == "":
					got = nobody
				case errors.As(err, &several) && got == "":
					got = many
				case err != nil:
					t.Fatal(err)
				}
				if got != want {
					t.Errorf("%q (exact %v) is %s, want %s", c.word, exact, got, want)
				}
				return nil
			})
		}
	}
}

func TestLookupErrorsHelp(t *testing.T) {
	h := populated(t)
	h.view(t, func(ctx context.Context, v *events.View) error {
		for word, want := range map[string]string{
			"fx-login":                `no such bottle: "fx-login"; did you mean fix-login?`,
			"Fix-Login":               `no such bottle: "Fix-Login"; did you mean fix-login?`,
			"login":                   `no such bottle: "login"; did you mean fix-login?`,
			"zzz":                     `no such bottle: "zzz"`,
			"\x1b[2J":                 `no such bottle: "\x1b[2J"`,
			"":                        `no such bottle: ""`,
			"ap":                      `"ap" fits several bottles: api-2 (01890a5d-ac98-7000-8000-000000000001), api (` + idAPI + `)`,
			"api-old":                 `"api-old" fits several bottles: api-old (` + idOld + `, removed), api-old (` + idOlder + `, removed)`,
			strings.Repeat("☃", 1000): `no such bottle: "` + strings.Repeat("☃", 60) + `…"`,
		} {
			if _, err := projections.Lookup(ctx, v, word, false); err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		}
		_, err := projections.Lookup(ctx, v, "api-", true)
		if want := `no such bottle: "api-"; did you mean api-2, api?`; err == nil || err.Error() != want {
			t.Errorf("rm of a prefix: %v", err)
		}
		return nil
	})
}

func TestNames(t *testing.T) {
	h := populated(t)
	h.append(t, idAPI, 1, &events.BottleRenamed{From: "api", To: "web"}) // keeps its instance name
	h.view(t, func(ctx context.Context, v *events.View) error {
		got, err := projections.Slugs(ctx, v)
		if want := []string{"abcdef1", "api-2", "fix-login", "web"}; err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("slugs %v, %v", got, err)
		}
		for _, c := range []struct {
			slug, endpoint, instance string
			holder, of               string // "" is free
		}{
			{"new", "unix:///d", "bot-bottle-new", "", ""},
			{"api-old", "unix:///d", "bot-bottle-api-old", "", ""}, // removed ones hold nothing
			{"web", "unix:///d", "bot-bottle-x", idAPI, ""},
			{"api", "unix:///d", "bot-bottle-api", idAPI, "bot-bottle-api"},
			{"api", "unix:///other", "bot-bottle-api", "", ""},
			{"api", "", "", "", ""},
			{"fix-login", "", "", idFix, ""},
		} {
			err := projections.CheckName(ctx, v, c.slug, "docker", c.endpoint, c.instance)
			var taken *projections.NameTaken
			if errors.As(err, &taken) != (c.holder != "") || taken != nil && (taken.Holder.ID != c.holder || taken.Instance != c.of || taken.Slug != c.slug) {
				t.Errorf("%+v: %v", c, err)
			}
		}
		for _, c := range []struct{ got, want string }{
			{must(projections.ByInstance(ctx, v, "docker", "unix:///d", "bot-bottle-api")), idAPI},
			{must(projections.ByInstance(ctx, v, "docker", "unix:///d", "bot-bottle-api-old")), ""},
			{must(projections.ByInstance(ctx, v, "smolmachines", "unix:///d", "bot-bottle-api")), ""},
			{must(projections.ByIdempotencyKey(ctx, v, "key-fix-login")), idFix},
			{must(projections.ByIdempotencyKey(ctx, v, "key-api-old")), ""},
			{must(projections.ByIdempotencyKey(ctx, v, "")), ""},
		} {
			if c.got != c.want {
				t.Errorf("got %q, want %q", c.got, c.want)
			}
		}
		left, err := projections.Leftovers(ctx, v)
		if err != nil || len(left) != 3 || left[0].Ref != "n-fix-login" || left[0].Bottle != idGone || left[2].Bottle != idOld || left[2].Endpoint != "unix:///d" {
			t.Errorf("leftovers %+v, %v", left, err)
		}
		return nil
	})
	h.append(t, idOld, 3, &events.ResourceReleased{Kind: "network", Ref: "n-api-old"})
	h.view(t, func(ctx context.Context, v *events.View) error {
		if left, err := projections.Leftovers(ctx, v); err != nil || len(left) != 2 {
			t.Errorf("one was released, left are %+v, %v", left, err)
		}
		return nil
	})
}

func must(s string, err error) string {
	if err != nil {
		return err.Error()
	}
	return s
}

// TestTakenNamesAreRefused appends what a decision forgot to check.
func TestTakenNamesAreRefused(t *testing.T) {
	h := populated(t)
	for name, c := range map[string]events.BottleCreated{
		"slug":     {Slug: "api", InstanceName: "other"},
		"instance": {Slug: "other", Backend: "docker", Endpoint: "unix:///d", InstanceName: "bot-bottle-api"},
	} {
		err := h.log.Update(context.Background(), func(tx *events.Tx) error {
			_, err := tx.Append(context.Background(), "new", 0, &c)
			return err
		})
		var taken *projections.NameTaken
		if !errors.As(err, &taken) || taken.Holder.ID != idAPI {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := h.log.Update(context.Background(), func(tx *events.Tx) error {
		_, err := tx.Append(context.Background(), "new", 0, &events.BottleCreated{Slug: "n", InstanceName: "n", IdempotencyKey: "key-api"})
		return err
	})
	if err == nil {
		t.Error("two bottles under one idempotency key")
	}
	h.sound(t)
}
