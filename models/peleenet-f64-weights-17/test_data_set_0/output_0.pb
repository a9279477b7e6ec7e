
BlogitsJ(zFÕ¾”pZ¿|ÿV>Hóô¾š9¿.3¯>°k:½Ø›1=r°,¾Jˆ¿