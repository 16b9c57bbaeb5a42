package cli

// enforced says what each backend makes of a network mode, for show.
var enforced = map[string]map[string]string{
	"docker": {
		"none": "no interface but its own loopback",
		"full": "a bridge of ours, without traffic between bottles",
	},
}

func enforcement(backend, mode string) string { return enforced[backend][mode] }
