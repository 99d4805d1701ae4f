package applet

import "sort"

// Info describes an applet: its name and what --help says.
type Info struct {
	Name  string
	Usage string // what follows the name on the usage line
	About string // one sentence or a few lines
}

// Names returns the applets' names, sorted.
func Names() []string {
	list := make([]string, len(table))
	for i := range table {
		list[i] = table[i].Name
	}
	return list
}

// Version is the first line of every usage text. Scripts look for the word BusyBox in it.
const Version = "BusyBox v1.35.0 (Sockerless) multi-call binary.\n"

func usage(name string) string {
	i := sort.Search(len(table), func(i int) bool { return table[i].Name >= name })
	if i == len(table) || table[i].Name != name {
		return Version + "\nNo help available\n"
	}
	text := Version + "\nUsage: " + name
	if table[i].Usage != "" {
		text += " " + table[i].Usage
	}
	return text + "\n\n" + table[i].About + "\n"
}

// table lists the applets by name. It has no functions, so that the daemon can import it alone.
var table = []Info{
	{"[", "EXPRESSION ]", "Check file types, compare values etc. Return a 0/1 exit code"},
	{"[[", "EXPRESSION ]]", "Check file types, compare values etc. Return a 0/1 exit code"},
	{"arch", "", "Print system architecture"},
	{"awk", "[OPTIONS] [AWK_PROGRAM] [FILE]...", "\t-v VAR=VAL\tSet variable\n\t-F SEP\t\tUse SEP as field separator\n\t-f FILE\t\tRead program from FILE\n\t-e AWK_PROGRAM"},
	{"base32", "[-d] [-w COL] [FILE]", "Base32 encode or decode FILE to standard output"},
	{"base64", "[-d] [-w COL] [FILE]", "Base64 encode or decode FILE to standard output"},
	{"basename", "FILE [SUFFIX] | -a FILE... | -s SUFFIX FILE...", "Strip directory path and SUFFIX from FILE"},
	{"busybox", "[--list[-full] | --install [-s] [DIR] | APPLET [ARG]...]", "The multi-call binary itself"},
	{"cat", "[-nbvteA] [FILE]...", "Print FILEs to stdout"},
	{"chgrp", "[-RhLHPcvf]... GROUP FILE...", "Change the group membership of FILEs to GROUP"},
	{"chmod", "[-Rcvf] MODE[,MODE]... FILE...", "MODE is octal number (bit pattern sstrwxrwxrwx) or [ugoa]{+|-|=}[rwxXst]"},
	{"chown", "[-RhLHPcvf]... USER[:[GRP]] FILE...", "Change the owner and/or group of FILEs to USER and/or GRP"},
	{"cksum", "[FILE]...", "Calculate CRC32 checksum of FILEs"},
	{"clear", "", "Clear screen"},
	{"cmp", "[-ls] [-n NUM] FILE1 [FILE2 [SKIP1 [SKIP2]]]", "Compare FILE1 with FILE2 (or stdin)"},
	{"comm", "[-123] FILE1 FILE2", "Compare FILE1 with FILE2"},
	{"cp", "[-arPLHpfinlsTu] SOURCE DEST\nor: cp [-arPLHpfinlsu] SOURCE... { -t DIRECTORY | DIRECTORY }", "Copy SOURCEs to DEST"},
	{"crc32", "[FILE]...", "Calculate CRC32 checksum of FILEs"},
	{"cut", "[OPTIONS] [FILE]...", "Print selected fields from FILEs to stdout"},
	{"date", "[OPTIONS] [+FMT] [[-s] TIME]", "Display time (using +FMT), or set time"},
	{"dd", "[if=FILE] [of=FILE] [bs=N] [count=N] [skip=N] [seek=N] [conv=LIST] [iflag=LIST] [oflag=LIST]", "Copy a file with converting and formatting"},
	{"df", "[-PkmhTai] [-t TYPE] [FILESYSTEM]...", "Print filesystem usage statistics"},
	{"diff", "[-abBdiNqrTstw] [-L LABEL] [-S FILE] [-U LINES] FILE1 FILE2", "Compare files line by line and output the differences between them"},
	{"dirname", "FILENAME", "Strip non-directory suffix from FILENAME"},
	{"dos2unix", "[-ud] [FILE]", "Convert FILE in-place from DOS to Unix format"},
	{"du", "[-aHLdclsxhmk] [FILE]...", "Summarize disk space used for FILEs (or directories)"},
	{"echo", "[-neE] [ARG]...", "Print ARGs to stdout"},
	{"egrep", "[-vnscFiwxlohHqr] PATTERN [FILE]...", "Search for an extended regular expression in FILEs"},
	{"env", "[-iu0] [-] [-u NAME]... [NAME=VALUE]... [PROG ARGS]", "Print current environment or run PROG after setting up environment"},
	{"expand", "[-it] [FILE]...", "Convert tabs to spaces, writing to stdout"},
	{"expr", "EXPRESSION", "Print the value of EXPRESSION"},
	{"factor", "[NUMBER]...", "Print prime factors"},
	{"false", "", "Return an exit code of FALSE (1)"},
	{"fgrep", "[-vnscFiwxlohHqr] PATTERN [FILE]...", "Search for a fixed string in FILEs"},
	{"find", "[-HL] [PATH]... [OPTIONS] [ACTIONS]", "Search for files and perform actions on them"},
	{"fold", "[-bs] [-w WIDTH] [FILE]...", "Wrap input lines in FILEs (or stdin), writing to stdout"},
	{"free", "[-bkmgh]", "Display free and used memory"},
	{"getopt", "[OPTIONS] [--] OPTSTRING PARAMS", "Parse command options"},
	{"grep", "[-HhnlLoqvsrRiwFE] [-m N] [-A|B|C N] { PATTERN | -e PATTERN... | -f FILE... } [FILE]...", "Search for PATTERN in FILEs (or stdin)"},
	{"groups", "[USER]", "Print the groups USER is in"},
	{"gunzip", "[-cfkt] [FILE]...", "Decompress FILEs (or stdin)"},
	{"gzip", "[-cfkdt] [-123456789] [FILE]...", "Compress FILEs (or stdin)"},
	{"head", "[OPTIONS] [FILE]...", "Print first 10 lines of FILEs (or stdin)"},
	{"hexdump", "[-bcdoxCv] [-n LEN] [-s OFS] [FILE]...", "Display FILEs (or stdin) in a user specified format"},
	{"hostname", "[-sidf] [HOSTNAME | -F FILE]", "Show or set hostname"},
	{"httpd", "[-ifv[v]] [-p [IP:]PORT] [-h HOME]\nor httpd -d/-e STRING", "Listen for incoming HTTP requests"},
	{"id", "[-ugGnr] [USER]", "Print information about USER or the current user"},
	{"ifconfig", "[-a] [IFACE]", "Show network interfaces"},
	{"install", "[-cdDsp] [-o USER] [-g GRP] [-m MODE] [-t DIR] [SOURCE]... DEST", "Copy files and set attributes"},
	{"ip", "[OPTIONS] address|route|link|rule [ARGS]\n\nOPTIONS := -f[amily] inet|inet6|link | -o[neline]\n\nip addr show [dev IFACE]\nip route list\nip route get ADDRESS\nip link show [dev IFACE]", "Show addresses, routes and links"},
	{"kill", "[-l] [-SIG] PID...", "Send a signal (default: TERM) to given PIDs"},
	{"killall", "[-lq] [-SIG] PROCESS_NAME...", "Send a signal (default: TERM) to given processes"},
	{"less", "[-EFIMmNSRh~] [FILE]...", "View FILE (or stdin) one screenful at a time"},
	{"link", "FILE LINK", "Create hard LINK to FILE"},
	{"ln", "[-sfnbtv] [-S SUF] TARGET... LINK|DIR", "Create a link LINK or DIR/TARGET to the specified TARGET(s)"},
	{"logname", "", "Print the name of the current user"},
	{"ls", "[-1AaCxdLHRFplinshrSXvctu] [-w WIDTH] [FILE]...", "List directory contents"},
	{"md5sum", "[-c[sw]] [FILE]...", "Print or check MD5 checksums"},
	{"mesg", "[y|n]", "Control write access to your terminal"},
	{"mkdir", "[-m MODE] [-p] DIRECTORY...", "Create DIRECTORY"},
	{"mkfifo", "[-m MODE] NAME", "Create named pipe"},
	{"mknod", "[-m MODE] NAME TYPE [MAJOR MINOR]", "Create a special file (block, character, or pipe)"},
	{"mktemp", "[-dt] [-p DIR] [TEMPLATE]", "Create a temporary file with name based on TEMPLATE and print its name"},
	{"more", "[FILE]...", "View FILE (or stdin) one screenful at a time"},
	{"mount", "", "List the mounted filesystems"},
	{"mv", "[-finT] SOURCE DEST\nor: mv [-fin] SOURCE... { -t DIRECTORY | DIRECTORY }", "Rename SOURCE to DEST, or move SOURCEs to DIRECTORY"},
	{"nc", "[-wN] [-l] [-p PORT] [-f FILE|IPADDR PORT] [-e PROG]", "Open a pipe to IP:PORT or FILE"},
	{"netstat", "[-ral] [-tuwx] [-enp]", "Display networking information"},
	{"nice", "[-n ADJUST] [PROG ARGS]", "Change scheduling priority, run PROG"},
	{"nl", "[OPTIONS] [FILE]...", "Write FILEs to standard output with line numbers added"},
	{"nohup", "PROG ARGS", "Run PROG immune to hangups, with output to a non-tty"},
	{"nproc", "[--all] [--ignore=N]", "Print number of available CPUs"},
	{"nslookup", "[-type=QUERY_TYPE] [-debug] HOST [DNS_SERVER]", "Query DNS about HOST\n\nQUERY_TYPE: soa,ns,a,aaaa,cname,mx,txt,ptr,srv,any"},
	{"od", "[-abcdfhilovxs] [-t TYPE] [-A RADIX] [-N SIZE] [-j SKIP] [-S MINSTR] [-w WIDTH] [FILE]...", "Print FILEs (or stdin) unambiguously, as octal bytes by default"},
	{"paste", "[-d LIST] [-s] [FILE]...", "Paste lines from each input file together using TAB as separator"},
	{"pgrep", "[-flanovx] [-s SID|-P PPID|PATTERN]", "Display process(es) selected by regex PATTERN"},
	{"pidof", "[-s] [-o PID] [NAME]...", "List PIDs of all processes with names that match NAMEs"},
	{"ping", "[OPTIONS] HOST", "Send ICMP ECHO_REQUESTs to HOST"},
	{"ping6", "[OPTIONS] HOST", "Send ICMP ECHO_REQUESTs to HOST"},
	{"pkill", "[-l|-SIGNAL] [-xfvnoe] [-s SID|-P PPID|PATTERN]", "Send signal to processes selected by regex PATTERN"},
	{"printenv", "[VARIABLE]...", "Print environment VARIABLEs"},
	{"printf", "FORMAT [ARG]...", "Format and print ARG(s) according to FORMAT (a-la C printf)"},
	{"ps", "[-o COL1,COL2=HEADER] [-T]", "Show list of processes"},
	{"pwd", "[-LP]", "Print the full filename of the current working directory"},
	{"readlink", "[-fnv] FILE", "Display the value of a symlink"},
	{"realpath", "FILE...", "Print absolute pathnames of FILE"},
	{"reset", "", "Reset terminal (ESC codes) and termios (signals, buffering, etc)"},
	{"rev", "[FILE]...", "Reverse lines of FILE"},
	{"rm", "[-irf] FILE...", "Remove (unlink) FILEs"},
	{"rmdir", "[-p] DIRECTORY...", "Remove DIRECTORY if it is empty"},
	{"route", "[-ne] [-A inet[6]]", "Show kernel routing tables"},
	{"sed", "[-i[SFX]] [-nrE] [-f FILE]... [-e CMD]... [FILE]...\nor: sed [-i[SFX]] [-nrE] CMD [FILE]...", "Filter lines through a stream editor"},
	{"seq", "[-w] [-s SEP] [FIRST [INC]] LAST", "Print numbers from FIRST to LAST, in steps of INC"},
	{"setsid", "[-c] PROG ARGS", "Run PROG in a new session"},
	{"sha1sum", "[-c[sw]] [FILE]...", "Print or check SHA1 checksums"},
	{"sha256sum", "[-c[sw]] [FILE]...", "Print or check SHA256 checksums"},
	{"sha3sum", "[-c[sw]] [-a BITS] [FILE]...", "Print or check SHA3 checksums"},
	{"sha512sum", "[-c[sw]] [FILE]...", "Print or check SHA512 checksums"},
	{"shuf", "[-n NUM] [-o FILE] [-z] [FILE | -e [ARG...] | -i L-H]", "Randomly permute lines"},
	{"sleep", "[N]...", "Pause for a time equal to the total of the args given, where each arg can have an optional suffix of (s)econds, (m)inutes, (h)ours, or (d)ays"},
	{"sort", "[-nrughMcszbdfiokt] [-o FILE] [-k START[.OFS][OPTS][,END[.OFS][OPTS]] [-t CHAR] [FILE]...", "Sort lines of text"},
	{"split", "[OPTIONS] [INPUT [PREFIX]]", "Split a file into pieces"},
	{"stat", "[-ltf] [-c FMT] FILE...", "Display file (default) or filesystem status"},
	{"strings", "[-fo] [-t o|d|x] [-n LEN] [FILE]...", "Display printable strings in a binary file"},
	{"stty", "[-a|g] [-F DEVICE] [SETTING]...", "Without arguments, prints baud rate, line discipline, and deviations from stty sane"},
	{"sync", "", "Write all buffered blocks to disk"},
	{"tac", "[FILE]...", "Concatenate FILEs and print them in reverse"},
	{"tail", "[OPTIONS] [FILE]...", "Print last 10 lines of FILEs (or stdin) to. With more than one FILE, precede each with a filename header."},
	{"tar", "c|x|t [-ZzJjahmvokO] [-f TARFILE] [-C DIR] [-T FILE] [-X FILE] [LONGOPT]... [FILE]...", "Create, extract, or list files from a tar file"},
	{"tee", "[-ai] [FILE]...", "Copy stdin to each FILE, and also to stdout"},
	{"test", "EXPRESSION ]", "Check file types, compare values etc. Return a 0/1 exit code"},
	{"time", "[-vpa] [-o FILE] PROG ARGS", "Run PROG, display resource usage when it exits"},
	{"timeout", "[-s SIG] [-k KILL_SECS] SECS PROG ARGS", "Run PROG. Send SIG to it if it is not gone in SECS seconds"},
	{"top", "[-bmH] [-n COUNT] [-d SECONDS]", "Show a view of process activity in real time"},
	{"touch", "[-cham] [-d DATE] [-t DATE] [-r FILE] FILE...", "Update mtime of FILEs"},
	{"tr", "[-cds] STRING1 [STRING2]", "Translate, squeeze, or delete characters from stdin, writing to stdout"},
	{"true", "", "Return an exit code of TRUE (0)"},
	{"truncate", "[-c] -s SIZE FILE...", "Truncate FILEs to SIZE"},
	{"tsort", "[FILE]", "Topological sort"},
	{"tty", "", "Print file name of stdin's terminal"},
	{"umount", "[OPTIONS] FILESYSTEM|DIRECTORY", "Unmount filesystems"},
	{"uname", "[-amnrspvio]", "Print system information"},
	{"unexpand", "[-fa][-t N] [FILE]...", "Convert spaces to tabs, writing to stdout"},
	{"uniq", "[-cduiz] [-f,s,w N] [FILE [OUTFILE]]", "Discard duplicate lines"},
	{"unix2dos", "[-ud] [FILE]", "Convert FILE in-place from Unix to DOS format"},
	{"unlink", "FILE", "Delete FILE by calling unlink()"},
	{"uptime", "", "Display the time since the last boot"},
	{"usleep", "N", "Pause for N microseconds"},
	{"watch", "[-n SEC] [-t] PROG ARGS", "Run PROG periodically"},
	{"wc", "[-cmlwL] [FILE]...", "Count lines, words, and bytes for FILEs (or stdin)"},
	{"wget", "[-cqS] [--spider] [-O FILE] [-o LOGFILE] [--header STR]\n\t[--post-data STR | --post-file FILE] [-Y on/off]\n\t[-P DIR] [-U AGENT] [-T SEC] URL...", "Retrieve files via HTTP"},
	{"which", "[-a] COMMAND...", "Locate COMMAND"},
	{"whoami", "", "Print the user name associated with the current effective user id"},
	{"xargs", "[OPTIONS] [PROG ARGS]", "Run PROG on every item given by stdin"},
	{"xxd", "[-pri] [-g N] [-c N] [-l LEN] [-s OFS] [-o OFS] [FILE]", "Hex dump FILE (or stdin)"},
	{"yes", "[STRING]", "Repeatedly print a line with STRING, or 'y'"},
	{"zcat", "[FILE]...", "Decompress to stdout"},
}
