"""What a bug report needs to tell: the machine, the engines, and whether they work.

`sr_cli.doctor.examination` has it all.  Engines are tried side by side, in processes of
their own, so that one that crashes or hangs is reported like any other.
"""
