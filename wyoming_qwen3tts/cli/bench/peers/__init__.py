"""``bench --peers``: this engine beside others on the same machine, each in a process and an environment of its own.

``ours`` runs here; ``official`` and ``native`` are run by the Pythons of their environments and import nothing of this
package. Each answers a line ``FRAMES`` on standard input with one line of JSON: what one reply of so many frames took.
"""
