"""The examples work as their READMEs say."""
