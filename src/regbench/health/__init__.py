"""What is wrong with a project: `regbench verify` reads all bytes, `regbench doctor` looks at states, in seconds."""
