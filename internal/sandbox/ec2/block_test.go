package ec2

import "testing"

// FuzzBlocks checks that what is taken as a block is one, in canonical form.
func FuzzBlocks(f *testing.F) {
	for _, s := range []string{"10.0.0.0/16", "10.0.0.1/24", "::/0", "1.2.3.4", "10.0.0.0/33", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := block(s, "InvalidVpc.Range"); err == nil && (p != p.Masked() || p.Bits() < 16 || p.Bits() > 28) {
			t.Errorf("block(%q) = %v", s, p)
		}
		for _, v6 := range []bool{false, true} {
			if c, err := cidr(s, v6); err == nil {
				if again, err := cidr(c, v6); err != nil || again != c {
					t.Errorf("cidr(%q) = %q, which is %q, %v", s, c, again, err)
				}
			}
		}
	})
}
