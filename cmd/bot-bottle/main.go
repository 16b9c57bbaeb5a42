// Command bot-bottle runs AI coding agents in isolated bottles and never
// loses track of one.
package main

func main() {}
