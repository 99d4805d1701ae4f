package container

import (
	"crypto/rand"
	"encoding/hex"
	mathrand "math/rand/v2"
	"regexp"
	"strconv"
	"strings"
)

// newID returns a random ID: 64 hexadecimal digits. Its first 12 are not all decimal, because they become the host
// name, which would look like a number then.
func newID() string {
	for {
		var b [32]byte
		rand.Read(b[:])
		id := hex.EncodeToString(b[:])
		if _, err := strconv.ParseInt(shortID(id), 10, 64); err != nil {
			return id
		}
	}
}

// shortID is an ID as users see it: its first twelve digits.
func shortID(id string) string { return id[:min(len(id), 12)] }

const nameChars = `[a-zA-Z0-9][a-zA-Z0-9_.-]`

var validName = regexp.MustCompile(`^` + nameChars + `+$`)

// reserveName takes a name for c, or makes one up when name is empty.
func (m *Manager) reserveName(c *container, name string) (string, error) {
	given := name
	name = strings.TrimPrefix(name, "/")
	if given != "" && !validName.MatchString(name) {
		return "", invalid("Invalid container name (%s), only %s are allowed", given, nameChars)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if name == "" {
		name = m.freeName(c.id)
	} else if id, taken := m.names[name]; taken {
		return "", conflict("Conflict. The container name %q is already in use by container %q. You have to remove (or rename) that container to be able to reuse that name.", "/"+name, id)
	}
	m.names[name] = c.id
	return name, nil
}

// freeName makes up a name that is not taken; m.mu is held.
func (m *Manager) freeName(id string) string {
	for i := range 6 {
		name := adjectives[mathrand.IntN(len(adjectives))] + "_" + surnames[mathrand.IntN(len(surnames))]
		if i > 0 {
			name += strconv.Itoa(mathrand.IntN(10))
		}
		if _, taken := m.names[name]; !taken {
			return name
		}
	}
	return shortID(id)
}

func (m *Manager) releaseName(name string) {
	m.mu.Lock()
	delete(m.names, name)
	m.mu.Unlock()
}

// The words that names are made of: a quality, and somebody who found something out.
var (
	adjectives = strings.Fields(`able agile amber ample apt arctic avid awake azure balmy bold brave breezy bright brisk
		calm candid careful cheery civil classy clean clear clever coastal cosmic cozy crisp curious daring deft dewy
		direct dreamy eager early earnest easy elated elegant epic exact fabled fair fancy fearless fine firm fleet
		fluent fond frank free fresh frosty funny gallant gentle gifted glad golden good graceful grand green happy
		hardy hearty helpful honest humble jolly jovial keen kind lively lofty loyal lucid lucky lunar magical mellow
		merry mighty mild modest neat nimble noble open patient peaceful placid playful pleasant plucky polite proud
		prudent quick quiet ready regal robust rosy rustic serene sharp shiny silent silver sincere skilled smart snowy
		solar solid sound spry stable steady stellar still stoic sunny super sure sweet swift tender tidy trusty upbeat
		valiant vibrant vivid warm wise witty young zealous zesty`)
	surnames = strings.Fields(`abel agnesi alhazen ampere archimedes aryabhata avogadro babbage bardeen bassi bell
		bernoulli bessel bhabha bohr boltzmann boole born bose boyle brahe brahmagupta braun cannon cantor carson cauchy
		cavendish celsius chandrasekhar church clarke cori coulomb curie cuvier dalton darwin descartes dirac doppler
		edison einstein elion erdos euclid euler faraday fermat fermi feynman fibonacci fourier franklin galileo galois
		gauss germain godel goodall haber halley hamilton heisenberg hermann herschel hertz hilbert hopper hubble hypatia
		jenner joule kepler keller khorana kirchhoff knuth kovalevskaya lagrange lamarr laplace lavoisier leavitt leibniz
		liskov lorentz lovelace mach maxwell mayer mccarthy meitner mendel mendeleev minsky mirzakhani nash newton nobel
		noether ohm pascal pasteur pauli payne planck poincare ptolemy raman ramanujan riemann ritchie roentgen rubin
		rutherford sagan salk schrodinger shannon shockley snyder somerville tesla thompson torvalds turing volta
		wallace watt weyl wiles wing wozniak wright wu yalow yonath`)
)
