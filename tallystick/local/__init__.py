"""PostgreSQL and Valkey on this machine, from wheels, for `tallystick up` and for tests without a container engine.

- `postgres`, `valkey`: the two servers;
- `server`: what they share, from start to stop;
- `data_directory`: where a server's data lies, who may use it, its log and its password;
- `service_user`: the account that runs the servers;
- `programs`: their executables, inside the wheels or copied to where that account can go;
- `system_folder`: where both lie when that account cannot enter the checkout;
- `processes`: other processes seen and signalled.
"""
