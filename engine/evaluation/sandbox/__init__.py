"""Running code that a model wrote: on Linux, in namespaces of its own, or not at all.

What holds it, from the outside in:

* a process group with a wall clock; killed as a whole, and with the engine should that die
* its own network (not even loopback is up), mounts, processes, IPC and host name
* a file system that holds Python's standard library, read-only, and one small scratch directory in memory, which goes
  with it: no home, no run directory, no `/etc`, no `/proc`, no `/dev`
* no capability, no way to a new privilege, an empty environment, no open file but one socket to the examiner
* limits on CPU time, address space, file size, open files; no further process or thread

The verdict cannot be written by what is examined. The tests run in another process, the examiner, which is the first of
the process namespace and so cannot be killed from within it. It sends arguments and gets plain data back (`wire`);
the program never sees the tests, and printing, exiting or redefining `assert` in it changes nothing.

What does not hold it: there is no filter on system calls, so the kernel's own faults are within its reach; and it takes
what CPU its limit gives it. Where the kernel refuses the namespaces, `refusal` says so and nothing is run.
"""
