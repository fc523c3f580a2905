"""placeholder"""
def spectra(wavelengths_nm): raise NotImplementedError
def source_mapping(): raise NotImplementedError
def labels(): raise NotImplementedError
