package screen_test

var cases = []struct{ name, in, want string }{}
