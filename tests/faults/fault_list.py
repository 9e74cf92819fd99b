"""All faults, in the order of the table."""

from __future__ import annotations

import faults_body
import faults_connection
import faults_head
import faults_stream

FAULTS = [*faults_connection.FAULTS, *faults_head.FAULTS, *faults_body.FAULTS, *faults_stream.FAULTS]
