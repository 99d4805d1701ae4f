package abi

// ShellMagic is how a file begins that is the sandbox's built-in shell. The loader knows it as it knows "#!" and
// "\x7fELF"; the rest of the file is for people who read it. The zero byte keeps other shells from trying to run the
// file as a script.
const ShellMagic = "\x00sockerless-sh\n"
