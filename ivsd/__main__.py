import sys

from ivsd.cli import main

sys.exit(main())
