package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// usersLimit bounds what is read of /etc/passwd, in bytes.
const usersLimit = 1 << 20

// User is an entry of the root's /etc/passwd.
type User struct {
	UID, GID uint32
	Home     string
}

// User finds a user by name or number in the root's /etc/passwd. A number that
// is not there is a user with group 0 and home /, as container runtimes have
// it; a name that is not there is an error.
func (r *Root) User(user string) (User, error) {
	data, err := r.Read("/etc/passwd", usersLimit)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return User{}, fmt.Errorf("user %q: %w", user, err)
	}
	for line := range strings.Lines(string(data)) {
		// name:password:UID:GID:comment:home:shell
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) < 6 || (fields[0] != user && fields[2] != user) {
			continue
		}
		uid, uidErr := strconv.ParseUint(fields[2], 10, 31)
		gid, gidErr := strconv.ParseUint(fields[3], 10, 31)
		if uidErr == nil && gidErr == nil {
			return User{UID: uint32(uid), GID: uint32(gid), Home: fields[5]}, nil
		}
	}
	uid, err := strconv.ParseUint(user, 10, 31)
	if err != nil {
		return User{}, fmt.Errorf("unable to find user %s: no matching entries in passwd file", user)
	}
	return User{UID: uint32(uid), Home: "/"}, nil
}
