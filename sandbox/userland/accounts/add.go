package accounts

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Adduser adds a user, or with two operands a user to a group.
func Adduser(c *applet.Context) int {
	o := c.Getopt("h:g:s:G:DSHu:k:", "home=h", "gecos=g", "shell=s", "ingroup=G", "disabled-password=D", "empty-password=D", "system=S", "no-create-home=H", "uid=u", "skel=k")
	c.NArgs(1, 2)
	needRoot(c)
	if len(c.Args) == 2 {
		return join(c, c.Args[0], c.Args[1])
	}
	name := c.Args[0]
	checkName(c, name)
	passwd, group, shadow := load(passwdFile), load(groupFile), load(shadowFile)
	if passwd.find(name) >= 0 {
		c.Fatalf("user '%s' in use", name)
	}
	system := o.Has("S")
	from, to := firstUser, lastUser
	if system {
		from, to = firstSystem, lastSystem
	}
	uid := 0
	if text, ok := o.Arg('u'); ok {
		uid = int(c.Number(text, nil))
		if passwd.numbered(uid) {
			c.Fatalf("uid '%d' in use", uid)
		}
	} else {
		// A user who gets a group of the same name gets one of the same number.
		tables := []*table{passwd}
		if !o.Has("G") && !system {
			tables = append(tables, group)
		}
		var ok bool
		if uid, ok = free(from, to, tables...); !ok {
			c.Fatalf("no %cids left", 'u')
		}
	}
	gid := 0
	switch wanted, ok := o.Arg('G'); {
	case ok:
		i := group.find(wanted)
		if i < 0 {
			c.Fatalf("unknown group %s", wanted)
		}
		gid, _ = strconv.Atoi(group.field(i, 2))
	case system:
		gid = 65533
		if i := group.find("nogroup"); i >= 0 {
			gid, _ = strconv.Atoi(group.field(i, 2))
		}
	default:
		if group.find(name) >= 0 {
			c.Fatalf("group name '%s' is in use", name)
		}
		gid = uid
		if group.numbered(gid) {
			gid, _ = free(from, to, group)
		}
		group.lines = append(group.lines, name+":x:"+strconv.Itoa(gid)+":")
	}
	home, shell, gecos := "/home/"+name, loginShell(c), "Linux User,,,"
	if system {
		shell = "/sbin/nologin"
	}
	for _, f := range []struct {
		x byte
		v *string
	}{{'h', &home}, {'s', &shell}, {'g', &gecos}} {
		if text, ok := o.Arg(f.x); ok {
			*f.v = text
		}
		if strings.ContainsAny(*f.v, ":\n") {
			c.Fatalf("illegal character in '%s'", *f.v)
		}
	}
	passwd.lines = append(passwd.lines, strings.Join([]string{name, "x", strconv.Itoa(uid), strconv.Itoa(gid), gecos, home, shell}, ":"))
	passwd.mustSave(c)
	shadow.lines = append(shadow.lines, name+":!:"+today()+":0:99999:7:::")
	shadow.mustSave(c)
	if !o.Has("G") && !system {
		group.mustSave(c)
	}
	if wanted, ok := o.Arg('G'); ok && group.find(wanted) >= 0 {
		addMember(group, group.find(wanted), name)
		group.mustSave(c)
	}
	if !o.Has("H") {
		skel := "/etc/skel"
		if text, ok := o.Arg('k'); ok {
			skel = text
		}
		makeHome(c, home, skel, uid, gid)
	}
	if !o.Has("D") && !system {
		return changePassword(c, "passwd", name, defaultMethod)
	}
	return 0
}

// loginShell is the shell that a new user gets: that of who makes the user.
func loginShell(c *applet.Context) string {
	if shell := c.Getenv("SHELL"); shell != "" {
		return shell
	}
	a := applet.LoadAccounts()
	if name, ok := a.UserName(sys.Getuid()); ok {
		if u := a.User(name); u.Shell != "" {
			return u.Shell
		}
	}
	return "/bin/sh"
}

// makeHome makes the home directory, with a copy of the files of skel. One that is there is left as it is.
func makeHome(c *applet.Context, home, skel string, uid, gid int) {
	for i := 1; i < len(home); i++ {
		if home[i] == '/' {
			sys.Mkdir(home[:i], 0o755)
		}
	}
	err := sys.Mkdir(home, 0o755)
	if err == abi.EEXIST {
		return
	}
	if err == nil {
		copySkeleton(skel, home, uid, gid)
		err = sys.Chown(home, uid, gid, 0)
	}
	if err == nil {
		err = sys.Chmod(home, 0o2755)
	}
	if err != nil {
		c.Perror(home, err)
	}
}

func copySkeleton(from, to string, uid, gid int) {
	list, _ := sys.ReadDir(from)
	for _, d := range list {
		source, target := from+"/"+d.Name, to+"/"+d.Name
		st, err := sys.Lstat(source)
		if err != nil {
			continue
		}
		switch st.Mode & abi.S_IFMT {
		case abi.S_IFDIR:
			sys.Mkdir(target, st.Mode&abi.PermMask)
			copySkeleton(source, target, uid, gid)
		case abi.S_IFLNK:
			link, _ := sys.Readlink(source)
			sys.Symlink(link, target)
		case abi.S_IFREG:
			data, _ := applet.ReadFile(source)
			if fd, err := sys.Open(target, abi.O_WRONLY|abi.O_CREAT|abi.O_EXCL|abi.O_CLOEXEC, st.Mode&0o777); err == nil {
				sys.Write(fd, data)
				sys.Close(fd)
			}
		}
		sys.Chown(target, uid, gid, abi.AT_SYMLINK_NOFOLLOW)
	}
}

// Addgroup adds a group, or with two operands a user to a group.
func Addgroup(c *applet.Context) int {
	o := c.Getopt("g:S", "gid=g", "system=S")
	c.NArgs(1, 2)
	needRoot(c)
	if len(c.Args) == 2 {
		return join(c, c.Args[0], c.Args[1])
	}
	name := c.Args[0]
	checkName(c, name)
	group := load(groupFile)
	if group.find(name) >= 0 {
		c.Fatalf("group '%s' in use", name)
	}
	from, to := firstUser, lastUser
	if o.Has("S") {
		from, to = firstSystem, lastSystem
	}
	gid, ok := free(from, to, group)
	if text, given := o.Arg('g'); given {
		gid, ok = int(c.Number(text, nil)), true
		if group.numbered(gid) {
			c.Fatalf("gid '%d' in use", gid)
		}
	}
	if !ok {
		c.Fatalf("no %cids left", 'g')
	}
	group.lines = append(group.lines, name+":x:"+strconv.Itoa(gid)+":")
	group.mustSave(c)
	return 0
}

// join adds a user to a group.
func join(c *applet.Context, user, name string) int {
	if load(passwdFile).find(user) < 0 {
		c.Fatalf("unknown user %s", user)
	}
	group := load(groupFile)
	i := group.find(name)
	if i < 0 {
		c.Fatalf("unknown group %s", name)
	}
	addMember(group, i, user)
	group.mustSave(c)
	return 0
}

func addMember(group *table, i int, user string) {
	members := membersOf(group, i)
	if !slices.Contains(members, user) {
		group.setField(i, 3, strings.Join(append(members, user), ","))
	}
}

func membersOf(group *table, i int) []string {
	if text := group.field(i, 3); text != "" {
		return strings.Split(text, ",")
	}
	return nil
}

// Deluser removes a user, or with two operands a user from a group.
func Deluser(c *applet.Context) int {
	o := c.Getopt("", "remove-home=r")
	if c.Name == "deluser" {
		c.NArgs(1, 2)
	}
	needRoot(c)
	if len(c.Args) == 2 {
		return leave(c, c.Args[0], c.Args[1])
	}
	name := c.Args[0]
	passwd, group, shadow := load(passwdFile), load(groupFile), load(shadowFile)
	i := passwd.find(name)
	if i < 0 {
		c.Fatalf("unknown user %s", name)
	}
	home, gid := passwd.field(i, 5), passwd.field(i, 3)
	passwd.lines = slices.Delete(passwd.lines, i, i+1)
	passwd.mustSave(c)
	if i := shadow.find(name); i >= 0 {
		shadow.lines = slices.Delete(shadow.lines, i, i+1)
		shadow.mustSave(c)
	}
	for i := range group.lines {
		if members := membersOf(group, i); slices.Contains(members, name) {
			group.setField(i, 3, strings.Join(slices.DeleteFunc(members, func(m string) bool { return m == name }), ","))
		}
	}
	// The user's own group goes too, unless it is still another's.
	if i := group.find(name); i >= 0 && group.field(i, 2) == gid && membersOf(group, i) == nil && primaryUser(passwd, gid) == "" {
		group.lines = slices.Delete(group.lines, i, i+1)
	}
	group.mustSave(c)
	if o.Has("r") && home != "" && home != "/" {
		pid, err := c.Spawn(&sys.Process{Argv: []string{"rm", "-rf", "--", home}})
		if err != nil {
			c.Fatal(home, err)
		}
		return applet.Wait(pid)
	}
	return 0
}

// primaryUser names a user whose group a number is.
func primaryUser(passwd *table, gid string) string {
	for i := range passwd.lines {
		if passwd.field(i, 3) == gid {
			return passwd.field(i, 0)
		}
	}
	return ""
}

// Delgroup removes a group, or with two operands a user from a group.
func Delgroup(c *applet.Context) int {
	c.Getopt("")
	c.NArgs(1, 2)
	needRoot(c)
	if len(c.Args) == 2 {
		return leave(c, c.Args[0], c.Args[1])
	}
	name, group := c.Args[0], load(groupFile)
	i := group.find(name)
	if i < 0 {
		c.Fatalf("unknown group %s", name)
	}
	if user := primaryUser(load(passwdFile), group.field(i, 2)); user != "" {
		c.Fatalf("'%s' still has '%s' as their primary group!", user, name)
	}
	group.lines = slices.Delete(group.lines, i, i+1)
	group.mustSave(c)
	return 0
}

// leave takes a user out of a group.
func leave(c *applet.Context, user, name string) int {
	group := load(groupFile)
	i := group.find(name)
	if i < 0 {
		c.Fatalf("unknown group %s", name)
	}
	members := membersOf(group, i)
	if !slices.Contains(members, user) {
		c.Fatalf("no member '%s' in group '%s'", user, name)
	}
	group.setField(i, 3, strings.Join(slices.DeleteFunc(members, func(m string) bool { return m == user }), ","))
	group.mustSave(c)
	return 0
}
