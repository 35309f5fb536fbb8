"""What an auditor asks: replay as known at a time, bundles that verify offline, the log of reads."""
