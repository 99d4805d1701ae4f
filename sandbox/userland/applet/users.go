package applet

import (
	"strconv"
	"strings"
)

// User is a line of /etc/passwd (passwd(5)).
type User struct {
	Name     string
	UID, GID int
	Home     string
	Shell    string
}

// Group is a line of /etc/group (group(5)).
type Group struct {
	Name    string
	GID     int
	Members []string
}

// Accounts holds the users and groups of the container.
type Accounts struct {
	Users  []User
	Groups []Group
}

// LoadAccounts reads /etc/passwd and /etc/group; what is missing there is left out.
func LoadAccounts() *Accounts {
	a := &Accounts{}
	passwd, _ := ReadFile("/etc/passwd")
	for line := range strings.SplitSeq(string(passwd), "\n") {
		f := strings.Split(line, ":")
		if len(f) < 7 {
			continue
		}
		uid, err1 := strconv.Atoi(f[2])
		gid, err2 := strconv.Atoi(f[3])
		if err1 == nil && err2 == nil {
			a.Users = append(a.Users, User{Name: f[0], UID: uid, GID: gid, Home: f[5], Shell: f[6]})
		}
	}
	group, _ := ReadFile("/etc/group")
	for line := range strings.SplitSeq(string(group), "\n") {
		f := strings.Split(line, ":")
		if len(f) < 4 {
			continue
		}
		gid, err := strconv.Atoi(f[2])
		if err != nil {
			continue
		}
		g := Group{Name: f[0], GID: gid}
		if f[3] != "" {
			g.Members = strings.Split(f[3], ",")
		}
		a.Groups = append(a.Groups, g)
	}
	return a
}

// UserName returns the name of a user id.
func (a *Accounts) UserName(uid int) (string, bool) {
	for i := range a.Users {
		if a.Users[i].UID == uid {
			return a.Users[i].Name, true
		}
	}
	return "", false
}

// GroupName returns the name of a group id.
func (a *Accounts) GroupName(gid int) (string, bool) {
	for i := range a.Groups {
		if a.Groups[i].GID == gid {
			return a.Groups[i].Name, true
		}
	}
	return "", false
}

// User finds a user by name.
func (a *Accounts) User(name string) *User {
	for i := range a.Users {
		if a.Users[i].Name == name {
			return &a.Users[i]
		}
	}
	return nil
}

// Group finds a group by name.
func (a *Accounts) Group(name string) *Group {
	for i := range a.Groups {
		if a.Groups[i].Name == name {
			return &a.Groups[i]
		}
	}
	return nil
}

// UID reads a user name or number.
func (a *Accounts) UID(text string) (int, bool) {
	if u := a.User(text); u != nil {
		return u.UID, true
	}
	n, err := strconv.ParseUint(text, 10, 32)
	return int(n), err == nil
}

// GID reads a group name or number.
func (a *Accounts) GID(text string) (int, bool) {
	if g := a.Group(text); g != nil {
		return g.GID, true
	}
	n, err := strconv.ParseUint(text, 10, 32)
	return int(n), err == nil
}
