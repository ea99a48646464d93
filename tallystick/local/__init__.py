"""Tallystick on this machine: data services from wheels, and `tallystick up`, which runs everything on top of them.

The data services, also for tests without a container engine:

- `postgres`, `valkey`: the two servers;
- `server`: what they share, from start to stop;
- `data_directory`: where a server's data lies, who may use it, its log and its password;
- `service_user`: the account that runs the servers;
- `programs`: their executables, inside the wheels or copied to where that account can go;
- `system_folder`: where both lie when that account cannot enter the checkout;
- `processes`: other processes seen and signalled.

`tallystick up`:

- `up`: the whole of a run, in order; `run_options`, `ports`, `checkout`: how it is to be;
- `supervisor`, `children`, `stop_request`: start, watch, Ctrl-C and stop;
- `run_lock`, `watchman`: one run at a time, and nothing left of one that was killed;
- `given_settings`, `stores`, `run_settings`: what the environment says, and what each program is told;
- `credentials`, `private_files`: keys and credentials, made once;
- `demo`, `demo_data`, `operator_connection`: PhotoPrint and PhotoStorage;
- `progress`, `announcement`: what the person at the terminal sees.
"""
