"""`ivsd doctor`: looks at all of this box, names what is wrong, and ends with what to do."""

from ivsd.doctor.command import doctor
from ivsd.doctor.finding import Area, Finding
from ivsd.doctor.walk import findings

__all__ = ["Area", "Finding", "doctor", "findings"]
