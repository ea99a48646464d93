"""What `tallystick doctor` looks at, one module a subject. Looking changes nothing and shows no secret."""
