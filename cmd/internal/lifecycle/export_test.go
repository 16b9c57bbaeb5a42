package lifecycle

// What the external tests reach besides the exported names.
var (
	SecretIn   = secretIn
	MadeSlug   = madeSlug
	ParsePort  = parsePort
	Verdict    = verdict
	OnlyCopy   = onlyCopy
	MakeClone  = makeClone
	GitMounts  = gitMounts
	ReadRefs   = readRefs
	Pack       = pack
	Quote      = quote
	InUseDrift = drift
)

func (m *Manager) GatherEnv(cwd string, vars, files, plain []string) (any, []string, error) {
	return m.gatherEnv(cwd, vars, files, plain)
}

func (m *Manager) CheckRisk(src, endpoint string) error { return m.checkRisk(src, endpoint) }
