package logline

import (
	"strings"
	"testing"
)

// Each text is what a program printed; lines that continue the one before are marked.
func TestStack(t *testing.T) {
	for name, printed := range map[string]string{
		"java": `
  INFO started
  ERROR java.lang.IllegalStateException: no
+ 	at com.example.App.run(App.java:7)
+ 	at com.example.App.main(App.java:3)
+ Caused by: java.io.IOException: gone
+ 	at com.example.Disk.read(Disk.java:1)
+ 	... 2 more
  INFO request`,
		"python": `
  INFO request
  Traceback (most recent call last):
+   File "app.py", line 3, in <module>
+     main()
+ KeyError: 'x'
  INFO request`,
		"go": `
  request
  panic: boom
+ 
+ goroutine 1 [running]:
+ main.(*server).serve(0xc000012345, {0x1, 0x2})
+ 	/src/main.go:10 +0x1d
+ main.main()
+ 	/src/main.go:5 +0x1d
+ 
+ goroutine 7 [chan receive]:
+ net/http.(*conn).serve(0x1)
+ created by net/http.(*Server).Serve in goroutine 1
+ 	/usr/local/go/src/net/http/server.go:1
  exit status 2
  main.main()`,
		"node": `
  Error: no
+     at Object.<anonymous> (/app/index.js:1:7)
+     at Module._compile (node:internal/modules/cjs/loader:1554:14)
  {"level":"info"}`,
		"text": `
  at noon
  created by nobody
  f(x)`,
	} {
		t.Run(name, func(t *testing.T) {
			var stack Stack
			for _, l := range strings.Split(printed[1:], "\n") {
				if got := stack.Continues(l[2:]); got != (l[0] == '+') {
					t.Errorf("%q continues the line before: %v", l[2:], got)
				}
			}
		})
	}
}
