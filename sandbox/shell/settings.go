package shell

// settings are the options of set and shopt.
type settings struct {
	errexit, nounset, xtrace, noexec, verbose, noglob, noclobber, allexport bool
	pipefail, monitor, notify, ignoreeof, vi, emacs, errtrace               bool
	interactive, stdin, command, login                                      bool

	braces, nullglob, dotglob, globstar, nocaseglob, nocasematch, extglob bool
	expandAliases, inheritErrexit                                         bool
}

// option is an option of set -o; letter is 0 when it has none.
type option struct {
	name   string
	letter byte
	flag   func(*settings) *bool
}

var options = []option{
	{"errexit", 'e', func(s *settings) *bool { return &s.errexit }},
	{"noglob", 'f', func(s *settings) *bool { return &s.noglob }},
	{"ignoreeof", 'I', func(s *settings) *bool { return &s.ignoreeof }},
	{"interactive", 'i', func(s *settings) *bool { return &s.interactive }},
	{"monitor", 'm', func(s *settings) *bool { return &s.monitor }},
	{"noexec", 'n', func(s *settings) *bool { return &s.noexec }},
	{"stdin", 's', func(s *settings) *bool { return &s.stdin }},
	{"command", 'c', func(s *settings) *bool { return &s.command }},
	{"xtrace", 'x', func(s *settings) *bool { return &s.xtrace }},
	{"verbose", 'v', func(s *settings) *bool { return &s.verbose }},
	{"noclobber", 'C', func(s *settings) *bool { return &s.noclobber }},
	{"allexport", 'a', func(s *settings) *bool { return &s.allexport }},
	{"notify", 'b', func(s *settings) *bool { return &s.notify }},
	{"nounset", 'u', func(s *settings) *bool { return &s.nounset }},
	{"errtrace", 'E', func(s *settings) *bool { return &s.errtrace }},
	{"vi", 0, func(s *settings) *bool { return &s.vi }},
	{"emacs", 0, func(s *settings) *bool { return &s.emacs }},
	{"pipefail", 0, func(s *settings) *bool { return &s.pipefail }},
	{"braceexpand", 'B', func(s *settings) *bool { return &s.braces }},
}

// listed reports whether set -o shows the option.
func (o *option) listed() bool {
	return o.name != "interactive" && o.name != "stdin" && o.name != "command" && o.name != "emacs" && o.name != "braceexpand"
}

// shoptions are the options of bash's shopt that do something here.
var shoptions = []option{
	{name: "dotglob", flag: func(s *settings) *bool { return &s.dotglob }},
	{name: "expand_aliases", flag: func(s *settings) *bool { return &s.expandAliases }},
	{name: "extglob", flag: func(s *settings) *bool { return &s.extglob }},
	{name: "globstar", flag: func(s *settings) *bool { return &s.globstar }},
	{name: "inherit_errexit", flag: func(s *settings) *bool { return &s.inheritErrexit }},
	{name: "nocaseglob", flag: func(s *settings) *bool { return &s.nocaseglob }},
	{name: "nocasematch", flag: func(s *settings) *bool { return &s.nocasematch }},
	{name: "nullglob", flag: func(s *settings) *bool { return &s.nullglob }},
}

// String gives $-.
func (s *settings) String() string {
	var b []byte
	for i := len(options) - 1; i >= 0; i-- {
		if o := &options[i]; o.letter != 0 && *o.flag(s) {
			b = append(b, o.letter)
		}
	}
	return string(b)
}

// letter finds the option of a letter.
func letter(c byte) *option {
	for i := range options {
		if options[i].letter == c {
			return &options[i]
		}
	}
	return nil
}

func named(list []option, name string) *option {
	for i := range list {
		if list[i].name == name {
			return &list[i]
		}
	}
	return nil
}
