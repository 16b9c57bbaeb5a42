package cli

import "context"

var shells = []string{"bash", "zsh", "fish"}

// completionCmd is `completion`. The scripts are small and ask the program
// itself for every candidate.
type completionCmd struct {
	Shell string `arg:"" help:"bash, zsh or fish."`
}

func (k *completionCmd) check() error { return oneOf("shell", k.Shell, shells) }

func (k *completionCmd) run(_ context.Context, c *call) error {
	c.out.WriteString(map[string]string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}[k.Shell])
	return nil
}

const bashScript = `# bot-bottle completion for bash: source <(bot-bottle completion bash)
_bot_bottle() {
	local IFS=$'\n'
	COMPREPLY=($(bot-bottle __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
	[ "${#COMPREPLY[@]}" -gt 0 ] || COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o filenames -F _bot_bottle bot-bottle
`

const zshScript = `#compdef bot-bottle
# bot-bottle completion for zsh: bot-bottle completion zsh > "${fpath[1]}/_bot-bottle"
_bot_bottle() {
	local -a found
	found=("${(@f)$(bot-bottle __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	if (( ${#found} )) && [[ -n "${found[1]}" ]]; then
		compadd -a found
	else
		_files
	fi
}
if [ "$funcstack[1]" = "_bot_bottle" ]; then
	_bot_bottle "$@"
else
	compdef _bot_bottle bot-bottle
fi
`

const fishScript = `# bot-bottle completion for fish: bot-bottle completion fish > ~/.config/fish/completions/bot-bottle.fish
function __bot_bottle
	set -l words (commandline -opc) (commandline -ct)
	bot-bottle __complete -- $words[2..-1] 2>/dev/null
end
complete -c bot-bottle -a '(__bot_bottle)'
`
