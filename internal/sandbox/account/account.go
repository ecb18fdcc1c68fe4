// Package account is what every service of the sandbox shares: the account and
// region that it pretends to be, its records, its clock and its identifiers.
package account

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"workshop/internal/sandbox/store"
)

// ID is the account number of every sandbox; AWS gives it to nobody.
const ID = "000000000000"

// Account is one sandbox account in one region. It is immutable and safe for
// concurrent use; its Store has rules of its own.
type Account struct {
	Region string
	Store  *store.Store
	Now    func() time.Time // the injected clock; wall time outside tests
}

// In returns the account in another Region: its clock is the same, its records
// are apart in the same Store.
func (a *Account) In(region string) *Account {
	return &Account{Region: region, Store: a.Store.In(region), Now: a.Now}
}

// Zones are the region's availability zones, three as in most regions.
func (a *Account) Zones() []string {
	return []string{a.Region + "a", a.Region + "b", a.Region + "c"}
}

// ARN returns the name of a resource of a regional service, such as
// ARN("ecs", "cluster/web").
func (a *Account) ARN(service, resource string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, a.Region, ID, resource)
}

// GlobalARN returns the name of a resource of a service without regions, such
// as GlobalARN("iam", "role/task").
func (a *Account) GlobalARN(service, resource string) string {
	return fmt.Sprintf("arn:aws:%s::%s:%s", service, ID, resource)
}

// UserARN returns the name of the account's one user, who is every caller.
func (a *Account) UserARN() string { return a.GlobalARN("iam", "user/learner") }

// Hex returns n random hexadecimal digits: EC2's ids have 17 after their
// prefix, ECS's task ids 32, a load balancer's 16.
func Hex(n int) string {
	b := make([]byte, (n+1)/2)
	rand.Read(b) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b)[:n]
}

// Digits returns n random decimal digits, as in ECS's deployment ids.
func Digits(n int) string {
	max := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
	v, err := rand.Int(rand.Reader, max)
	if err != nil {
		return strings.Repeat("0", n)
	}
	return fmt.Sprintf("%0*d", n, v)
}

// Tagged is a resource with its tags, as the tagging API lists it.
type Tagged struct {
	ARN  string
	Tags map[string]string
}
