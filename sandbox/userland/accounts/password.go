package accounts

import (
	"slices"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// defaultMethod is how new passwords are hashed.
const defaultMethod = "sha512"

// settingOf returns the setting for crypt of a method's name with a salt.
func settingOf(method, salt string) (string, bool) {
	switch strings.ToLower(method) {
	case "sha256", "sha-256":
		return "$5$" + salt, true
	case "sha512", "sha-512":
		return "$6$" + salt, true
	}
	return "", false
}

// hashed hashes a new password, or exits.
func hashed(c *applet.Context, method, password string) string {
	salt, err := newSalt()
	if err != nil {
		c.Fatal("getrandom", err)
	}
	setting, ok := settingOf(method, salt)
	if !ok {
		c.Fatalf("unsupported hash '%s': sha256 and sha512 are", method)
	}
	return crypt(password, setting)
}

// ask asks for a password, without echo on a terminal.
func ask(c *applet.Context, prompt string) (string, bool) {
	c.Out.Flush()
	sys.Write(2, []byte(prompt))
	if t, err := sys.GetTermios(0); err == nil {
		silent := *t
		silent.Lflag &^= abi.ECHO | abi.ECHOE | abi.ECHOK | abi.ECHONL
		sys.SetTermios(0, &silent)
		defer sys.SetTermios(0, t)
	}
	var line []byte
	b := make([]byte, 1)
	for { // a byte at a time: what follows belongs to others
		n, err := sys.Read(0, b)
		if n <= 0 || err != nil {
			sys.Write(2, []byte("\n"))
			return string(line), len(line) > 0
		}
		if b[0] == '\n' {
			sys.Write(2, []byte("\n"))
			return string(line), true
		}
		line = append(line, b[0])
	}
}

// setPassword puts a hash into shadow, or into passwd for a user whom shadow does not have.
func setPassword(c *applet.Context, name, hash string) {
	if shadow := load(shadowFile); shadow.find(name) >= 0 {
		i := shadow.find(name)
		shadow.setField(i, 1, hash)
		shadow.setField(i, 2, today())
		shadow.mustSave(c)
		return
	}
	passwd := load(passwdFile)
	i := passwd.find(name)
	if i < 0 {
		c.Fatalf("unknown user %s", name)
	}
	passwd.setField(i, 1, hash)
	passwd.mustSave(c)
}

// passwordOf returns a user's hash.
func passwordOf(name string) string {
	if shadow := load(shadowFile); shadow.find(name) >= 0 {
		return shadow.field(shadow.find(name), 1)
	}
	if passwd := load(passwdFile); passwd.find(name) >= 0 {
		return passwd.field(passwd.find(name), 1)
	}
	return ""
}

// caller names the user who runs this.
func caller() string {
	name, _ := applet.LoadAccounts().UserName(sys.Getuid())
	return name
}

// changePassword asks for a new password twice and sets it.
func changePassword(c *applet.Context, as, name, method string) int {
	c.Name = as
	c.Out.WriteString("Changing password for " + name + "\n")
	if sys.Getuid() != 0 {
		if old := passwordOf(name); old != "" {
			given, _ := ask(c, "Old password: ")
			if crypt(given, old) != old {
				c.Errorf("incorrect password for %s", name)
				c.Errorf("password for %s is unchanged", name)
				return 1
			}
		}
	}
	first, ok := ask(c, "New password: ")
	if !ok {
		c.Errorf("password for %s is unchanged", name)
		return 1
	}
	if second, _ := ask(c, "Retype password: "); first != second {
		c.Errorf("passwords don't match")
		c.Errorf("password for %s is unchanged", name)
		return 1
	}
	setPassword(c, name, hashed(c, method, first))
	c.Out.WriteString(as + ": password for " + name + " changed by " + caller() + "\n")
	return 0
}

// Passwd changes, locks, unlocks or removes a user's password.
func Passwd(c *applet.Context) int {
	o := c.Getopt("a:dlu", "algorithm=a")
	name := caller()
	if len(c.Args) > 0 {
		name = c.Args[0]
	}
	a := applet.LoadAccounts()
	u := a.User(name)
	if u == nil {
		c.Fatalf("unknown user %s", name)
	}
	if sys.Getuid() != 0 && u.UID != sys.Getuid() {
		c.Fatalf("%s can't change password for %s", caller(), name)
	}
	if sys.Geteuid() != 0 {
		c.Fatalf("must be suid to work properly")
	}
	hash := passwordOf(name)
	switch o.Last("dlu") {
	case 'l':
		if strings.HasPrefix(hash, "!") {
			c.Errorf("password for %s is already %slocked", name, "")
			return 1
		}
		setPassword(c, name, "!"+hash)
	case 'u':
		if !strings.HasPrefix(hash, "!") {
			c.Errorf("password for %s is already %slocked", name, "un")
			return 1
		}
		setPassword(c, name, hash[1:])
	case 'd':
		setPassword(c, name, "")
	default:
		method := defaultMethod
		if text, ok := o.Arg('a'); ok {
			method = text
		}
		return changePassword(c, c.Name, name, method)
	}
	c.Out.WriteString(c.Name + ": password for " + name + " changed by " + caller() + "\n")
	return 0
}

// Chpasswd sets the passwords of "user:password" lines of standard input.
func Chpasswd(c *applet.Context) int {
	o := c.Getopt("emc:", "encrypted=e", "md5=m", "crypt-method=c")
	c.NArgs(0, 0)
	needRoot(c)
	method := defaultMethod
	if text, ok := o.Arg('c'); ok {
		method = text
	}
	if o.Has("m") {
		method = "md5"
	}
	accounts := applet.LoadAccounts()
	for in := applet.NewLines(0); ; {
		line, _, ok := in.Next()
		if !ok {
			return 0
		}
		name, password, found := strings.Cut(string(line), ":")
		if !found {
			c.Fatalf("missing new password")
		}
		if accounts.User(name) == nil {
			c.Fatalf("unknown user %s", name)
		}
		if !o.Has("e") {
			password = hashed(c, method, password)
		}
		setPassword(c, name, password)
		c.Errorf("password for '%s' changed", name)
	}
}

// Mkpasswd prints the hash of a password.
func Mkpasswd(c *applet.Context) int {
	o := c.Getopt("sP:S:m:a:", "stdin=s", "password-fd=P", "salt=S", "method=m")
	c.NArgs(0, 2)
	method := "sha256"
	for _, x := range []byte("am") {
		if text, ok := o.Arg(x); ok {
			method = text
		}
	}
	salt, given := o.Arg('S')
	if len(c.Args) > 1 {
		salt, given = c.Args[1], true
	}
	if !given {
		var err error
		if salt, err = newSalt(); err != nil {
			c.Fatal("getrandom", err)
		}
	}
	setting, ok := settingOf(method, salt)
	if !ok {
		c.Fatalf("unsupported hash '%s': sha256 and sha512 are", method)
	}
	password := ""
	switch fd, ok := o.Arg('P'); {
	case len(c.Args) > 0:
		password = c.Args[0]
	case ok:
		in := applet.NewLines(int(c.Number(fd, nil)))
		line, _, _ := in.Next()
		password = string(line)
	default:
		if sys.Isatty(0) {
			password, _ = ask(c, "Password: ")
		} else {
			line, _, _ := applet.NewLines(0).Next()
			password = string(line)
		}
	}
	c.Out.WriteString(crypt(password, setting) + "\n")
	return 0
}

// Su runs a shell as another user.
func Su(c *applet.Context) int {
	o := c.Getopt("+lmpc:s:", "login=l", "command=c", "shell=s", "preserve-environment=p")
	args := c.Args
	login := o.Has("l")
	if len(args) > 0 && args[0] == "-" {
		login, args = true, args[1:]
	}
	name := "root"
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	c.Args = args // options may follow the user
	after := c.Getopt("+lmpc:s:")
	args = c.Args
	arg := func(x byte) (string, bool) {
		if s, ok := after.Arg(x); ok {
			return s, ok
		}
		return o.Arg(x)
	}
	login = login || after.Has("l")
	keep := o.Has("mp") || after.Has("mp")
	if sys.Geteuid() != 0 {
		c.Fatalf("must be suid to work properly")
	}
	a := applet.LoadAccounts()
	u := a.User(name)
	if u == nil {
		c.Fatalf("unknown user %s", name)
	}
	if sys.Getuid() != 0 {
		if hash := passwordOf(name); hash != "" {
			given, _ := ask(c, "Password: ")
			if crypt(given, hash) != hash || hash[0] != '$' {
				sys.Nanosleep(3e9)
				c.Fatalf("incorrect password")
			}
		}
	}
	shell, given := arg('s')
	if !given {
		if keep {
			shell = c.Getenv("SHELL")
		}
		if shell == "" {
			shell = u.Shell
		}
		if shell == "" {
			shell = "/bin/sh"
		}
	}
	groups := []int{u.GID}
	for _, g := range a.Groups {
		if slices.Contains(g.Members, name) && g.GID != u.GID {
			groups = append(groups, g.GID)
		}
	}
	if err := sys.Setgroups(groups); err != nil {
		c.Fatal("setgroups", err)
	}
	if err := sys.Setgid(u.GID); err != nil {
		c.Fatalf("setgid: %s", applet.Strerror(err))
	}
	if err := sys.Setuid(u.UID); err != nil {
		c.Fatalf("setuid: %s", applet.Strerror(err))
	}
	p := &sys.Process{Env: environment(c, u, shell, login, keep)}
	if login && !keep {
		if err := sys.Chdir(u.Home); err != nil {
			c.Errorf("can't change directory to '%s'", u.Home)
			sys.Chdir("/")
		}
	}
	argv := []string{shell[strings.LastIndexByte(shell, '/')+1:]}
	if login {
		argv[0] = "-" + argv[0]
	}
	if command, ok := arg('c'); ok {
		argv = append(argv, "-c", command)
	}
	p.Argv = append(argv, args...)
	c.Out.Flush()
	err := sys.Exec(shell, p)
	c.Errorf("can't execute '%s': %s", shell, applet.Strerror(err))
	return 1
}

// environment is what the user's shell gets: with login a fresh one, else the caller's with the user's names in it.
func environment(c *applet.Context, u *applet.User, shell string, login, keep bool) []string {
	env := slices.Clone(c.Environ())
	if keep {
		return env
	}
	set := func(key, value string) {
		env = slices.DeleteFunc(env, func(kv string) bool { return strings.HasPrefix(kv, key+"=") })
		env = append(env, key+"="+value)
	}
	if login {
		term := c.Getenv("TERM")
		env = nil
		if term != "" {
			set("TERM", term)
		}
		path := "/bin:/usr/bin"
		if u.UID == 0 {
			path = "/sbin:/usr/sbin:/bin:/usr/bin"
		}
		set("PATH", path)
	}
	if login || u.UID != 0 {
		set("USER", u.Name)
		set("LOGNAME", u.Name)
	}
	set("HOME", u.Home)
	set("SHELL", shell)
	return env
}
