def make(goldens):
    pass
