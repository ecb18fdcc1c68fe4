package main

import "image/color"

func rgb(v uint32) color.RGBA {
	return color.RGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 255}
}

var (
	paper    = rgb(0xfbfcfe)
	ink      = rgb(0x1f2937)
	soft     = rgb(0x5b6676)
	hair     = rgb(0xc3ccd8)
	white    = rgb(0xffffff)
	blue     = rgb(0x2563eb)
	paleBlue = rgb(0xe8f0fe)
	violet   = rgb(0x7c3aed)
	paleVio  = rgb(0xf1eafe)
	orange   = rgb(0xe8710a)
	paleOra  = rgb(0xfff1e0)
	green    = rgb(0x16803c)
	paleGrn  = rgb(0xe6f6ea)
	pink     = rgb(0xc2185b)
	palePink = rgb(0xfde8f0)
	zone     = rgb(0xf1f5f9)
)

// architecture draws the way of a request through what Terraform makes.
func architecture() (*canvas, error) {
	c, err := newCanvas(1600, 800, paper)
	if err != nil {
		return nil, err
	}

	// The region, the network in it, and the two zones in that.
	c.box(250, 28, 1322, 744, 18, white, hair, 3)
	c.text(c.bold, 24, soft, 276, 66, left, "AWS region")
	c.box(330, 90, 860, 654, 16, rgb(0xf6fbf7), green, 3)
	c.text(c.bold, 24, green, 430, 126, left, "VPC")
	c.text(c.regular, 20, soft, 486, 126, left, "your private network")
	for _, z := range []struct {
		name                     string
		y, label, subnet, public float64
	}{{"Zone A", 146, 176, 188, 214}, {"Zone B", 444, 711, 464, 668}} {
		c.box(410, z.y, 756, 278, 12, zone, nil, 0)
		c.text(c.bold, 20, soft, 432, z.label, left, z.name)
		c.box(430, z.subnet, 480, 216, 10, paleGrn, green, 2)
		c.text(c.regular, 20, green, 446, z.public, left, "public subnet")
		c.box(930, z.subnet, 216, 216, 10, white, nil, 0)
		c.dashed(931, z.subnet+1, 214, 214, 10, hair, 2)
		c.text(c.regular, 20, soft, 946, z.public, left, "private subnet")
		for i, words := range []string{"room for tasks", "behind a NAT", "gateway, later"} {
			c.text(c.regular, 18, soft, 1038, z.subnet+92+float64(i)*24, middle, words)
		}
	}

	// The service reaches over both zones, and so does the load balancer.
	c.box(696, 206, 200, 456, 14, rgb(0xfffaf3), nil, 0)
	c.dashed(697, 207, 198, 454, 14, orange, 3)
	c.text(c.bold, 22, orange, 796, 428, middle, "ECS service")
	c.text(c.regular, 18, soft, 796, 454, middle, "keeps two running")
	for i := range 2 {
		y := 236 + float64(i)*270
		c.box(716, y, 160, 126, 12, paleOra, orange, 3)
		c.text(c.bold, 26, ink, 796, y+54, middle, "Task")
		c.text(c.regular, 19, soft, 796, y+84, middle, "on Fargate")
		c.circle(green, 856, y+22, 8)
	}
	c.box(462, 330, 164, 230, 14, paleVio, violet, 3)
	c.text(c.bold, 26, ink, 544, 420, middle, "Load")
	c.text(c.bold, 26, ink, 544, 452, middle, "balancer")
	c.text(c.regular, 18, soft, 544, 484, middle, "asks: healthy?")

	// Users, and the door that they come in by.
	for _, u := range []point{{68, 376}, {152, 376}, {110, 396}} {
		person(c, u, u.x == 110)
	}
	c.text(c.bold, 26, ink, 110, 516, middle, "Users")
	c.box(272, 398, 116, 94, 14, paleBlue, blue, 3)
	c.text(c.bold, 20, ink, 330, 438, middle, "Internet")
	c.text(c.bold, 20, ink, 330, 464, middle, "gateway")

	c.arrow(blue, 5, point{196, 445}, point{268, 445})
	c.arrow(blue, 5, point{390, 445}, point{458, 445})
	c.arrow(blue, 5, point{628, 400}, point{662, 400}, point{662, 300}, point{712, 300})
	c.arrow(blue, 5, point{628, 490}, point{662, 490}, point{662, 570}, point{712, 570})

	// What stands beside the network.
	card(c, 1228, 116, pink, palePink, "CloudWatch Logs", "what the tasks print,", "a stream for each task")
	card(c, 1228, 359, blue, paleBlue, "IAM roles", "pull the image, write the", "logs: allowed, and no more")
	card(c, 1228, 602, pink, palePink, "Container Insights", "CPU, memory and network", "of every task")
	c.arrow(pink, 4, point{796, 233}, point{796, 168}, point{1224, 168})
	c.arrow(blue, 4, point{1226, 434}, point{900, 434})
	c.arrow(pink, 4, point{796, 635}, point{796, 702}, point{1224, 702})

	// Where all of it comes from.
	c.box(28, 600, 178, 150, 14, rgb(0xf3eefe), violet, 3)
	c.text(c.bold, 26, violet, 117, 648, middle, "Terraform")
	c.text(c.mono, 19, soft, 117, 684, middle, "*.tf files")
	c.text(c.regular, 18, soft, 117, 716, middle, "makes all of it")
	c.arrow(violet, 5, point{208, 675}, point{246, 675})
	return c, nil
}

// person draws a head and shoulders.
func person(c *canvas, at point, front bool) {
	col := rgb(0x9aa7b8)
	if front {
		col = rgb(0x3f4c5e)
		c.circle(paper, at.x, at.y, 29)
		c.box(at.x-45, at.y+29, 90, 84, 44, paper, nil, 0)
	}
	c.circle(col, at.x, at.y, 24)
	c.box(at.x-40, at.y+34, 80, 72, 38, col, nil, 0)
	c.box(at.x-46, at.y+76, 92, 34, 0, paper, nil, 0)
}

// card draws a box with a title and two lines.
func card(c *canvas, x, y float64, edge, fill color.Color, title, first, second string) {
	c.box(x, y, 316, 150, 14, fill, edge, 3)
	c.text(c.bold, 25, ink, x+158, y+56, middle, title)
	c.text(c.regular, 20, soft, x+158, y+92, middle, first)
	c.text(c.regular, 20, soft, x+158, y+119, middle, second)
}

// fargate draws who looks after what, without it and with it.
func fargate() (*canvas, error) {
	c, err := newCanvas(1600, 760, paper)
	if err != nil {
		return nil, err
	}
	layers := []struct{ name, what string }{
		{"Your application", "the code, and what it answers"},
		{"Container image", "the code with all that it needs"},
		{"CPU and memory", "how much each copy gets"},
		{"Operating system", "patches, agents, a runtime for containers"},
		{"Servers", "how many, how large, replaced when they fail"},
		{"Data centre", "power, network, hardware"},
	}
	for i, side := range []struct {
		title string
		yours int
	}{{"Containers on your own servers", 5}, {"Containers on Fargate", 3}} {
		x := 60 + float64(i)*770
		c.text(c.bold, 34, ink, x+355, 72, middle, side.title)
		for j, l := range layers {
			y := 106 + float64(j)*94
			fill, edge, col := paleOra, orange, ink
			if j >= side.yours {
				fill, edge, col = rgb(0xe9eef5), rgb(0x93a3b8), rgb(0x475569)
			}
			c.box(x, y, 710, 82, 12, fill, edge, 3)
			c.text(c.bold, 26, col, x+28, y+50, left, l.name)
			c.text(c.regular, 21, soft, x+682, y+49, right, l.what)
		}
	}
	c.box(520, 694, 34, 34, 7, paleOra, orange, 3)
	c.text(c.bold, 24, ink, 568, 720, left, "you look after it")
	c.box(830, 694, 34, 34, 7, rgb(0xe9eef5), rgb(0x93a3b8), 3)
	c.text(c.bold, 24, ink, 878, 720, left, "AWS looks after it")
	return c, nil
}
