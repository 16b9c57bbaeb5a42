package cli

// enforced says what each backend makes of a network mode, for show.
var enforced = map[string]map[string]string{
	"docker": {
		"none": "no interface but its own loopback",
		"full": "a bridge of ours; without traffic between bottles, except on Podman",
	},
	"smolmachines": {
		"none": "no network device that leads out of the machine",
		"full": "the public network; private ranges and this host are blocked",
	},
}

func enforcement(backend, mode string) string { return enforced[backend][mode] }
