// Package regions knows the names of AWS's Regions.
package regions

import (
	"slices"
	"strings"
)

// all are AWS's Regions as the SDK's endpoint rules list them; a test
// compares the two.
var all = strings.Fields(`
	af-south-1
	ap-east-1 ap-east-2
	ap-northeast-1 ap-northeast-2 ap-northeast-3
	ap-south-1 ap-south-2
	ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7
	ca-central-1 ca-west-1
	eu-central-1 eu-central-2
	eu-north-1
	eu-south-1 eu-south-2
	eu-west-1 eu-west-2 eu-west-3
	il-central-1
	me-central-1 me-south-1
	mx-central-1
	sa-east-1
	us-east-1 us-east-2
	us-west-1 us-west-2
	cn-north-1 cn-northwest-1
	eusc-de-east-1
	us-gov-east-1 us-gov-west-1
	us-iso-east-1 us-iso-west-1
	us-isob-east-1 us-isob-west-1
	eu-isoe-west-1
	us-isof-east-1 us-isof-south-1
`)

// enabledByDefault are the Regions that every account has; the others of the
// partition "aws" must be enabled first.
// https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
var enabledByDefault = strings.Fields(`
	ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-southeast-1 ap-southeast-2 ca-central-1
	eu-central-1 eu-north-1 eu-west-1 eu-west-2 eu-west-3 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2
`)

// otherPartitions begin the names of Regions that have accounts of their own.
var otherPartitions = []string{"cn-", "eusc-", "us-gov-", "us-iso", "eu-iso"}

// Known reports whether AWS had the Region when this program was built.
func Known(name string) bool { return slices.Contains(all, name) }

// Commercial returns the Regions of the partition "aws", sorted.
func Commercial() []string {
	names := slices.DeleteFunc(slices.Clone(all), elsewhere)
	slices.Sort(names)
	return names
}

// elsewhere reports whether a Region is in another partition.
func elsewhere(name string) bool {
	return slices.ContainsFunc(otherPartitions, func(p string) bool { return strings.HasPrefix(name, p) })
}

// OptIn reports whether an account must enable the Region first.
func OptIn(name string) bool {
	return !slices.Contains(enabledByDefault, name) && !elsewhere(name)
}

// Similar finds the Region that a mistyped name stands for: eu-west1,
// EU-WEST-1, or the zone eu-west-1a. It is empty where there is none.
func Similar(name string) string {
	bare := func(s string) string {
		return strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(s))
	}
	wanted := bare(name)
	zone := strings.TrimRight(wanted, "abcdef")
	for _, r := range all {
		if b := bare(r); b == wanted || b == zone {
			return r
		}
	}
	return ""
}
