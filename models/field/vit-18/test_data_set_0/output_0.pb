
BscoresJ(CB¿4mè?"lk¾qŠ)ÀáÄ?N¯?•ƒÝ¿ûAº>è=ò>Ëw,?