// Command mix computes what programs compute: sorting, hashing, maps,
// goroutines and channels, big integers, regular expressions.
package main

import (
	"crypto/sha256"
	"fmt"
	"math/big"
	"math/rand"
	"os"
	"regexp"
	"runtime"
	"sort"
	"strings"
	"sync"
)

func main() {
	rng := rand.New(rand.NewSource(1))
	values := make([]int, 20000)
	for i := range values {
		values[i] = rng.Int()
	}
	sort.Ints(values)
	h := sha256.New()
	for _, v := range values {
		fmt.Fprintln(h, v)
	}
	fmt.Printf("sort %x\n", h.Sum(nil))

	sum := sha256.Sum256(make([]byte, 1<<20))
	fmt.Printf("sha256 %x\n", sum)

	words := map[string]int{}
	for i := range 20000 {
		words[fmt.Sprint("w", i*i%997)]++
	}
	fmt.Println("map", len(words), words["w1"])

	var wg sync.WaitGroup
	results := make(chan int)
	for i := range 200 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			n := 0
			for j := range 100 {
				n += i * j
				runtime.Gosched()
			}
			results <- n
		}()
	}
	go func() { wg.Wait(); close(results) }()
	total := 0
	for n := range results {
		total += n
	}
	fmt.Println("goroutines", total)

	f := big.NewInt(1)
	for i := int64(1); i <= 300; i++ {
		f.Mul(f, big.NewInt(i))
	}
	fmt.Println("factorial", f)

	re := regexp.MustCompile(`(a+)(b+)c?`)
	fmt.Println("regexp", len(re.FindAllString(strings.Repeat("aabbc xab ", 1000), -1)))
	runtime.GC()
	os.Exit(3)
}
